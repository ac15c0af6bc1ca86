"""Drivers that programs use without SQLAlchemy: one file for each, by the name of the module that programs import."""

from __future__ import annotations

from acidity.adapters.drivers.base import Driver
from acidity.core.registry import Registry

_HERE = "acidity.adapters.drivers"

DRIVERS: Registry[Driver] = Registry(
    "drivers",
    {
        "sqlite3": f"{_HERE}.pysqlite:DRIVER",
        "aiosqlite": f"{_HERE}.aiosqlite:DRIVER",
        "psycopg": f"{_HERE}.psycopg:DRIVER",
        "psycopg2": f"{_HERE}.psycopg2:DRIVER",
        "asyncpg": f"{_HERE}.asyncpg:DRIVER",
        "pymysql": f"{_HERE}.pymysql:DRIVER",
        "MySQLdb": f"{_HERE}.mysqldb:DRIVER",
        "aiomysql": f"{_HERE}.aiomysql:DRIVER",
    },
)
