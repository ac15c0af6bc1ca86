"""The page on two-phase commit, on PostgreSQL and MariaDB."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

PAGE = Path(__file__).parents[3] / "docs" / "run" / "two-phase.md"


@pytest.mark.dear
def test_page(pair_of: Any) -> None:
    urls = pair_of("postgresql", "mariadb").urls
    engines = {f"{name}_engine": create_engine(url, poolclass=NullPool) for name, url in urls.items()}
    for engine in engines.values():
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE orders (item VARCHAR(20))"))
            connection.execute(text("CREATE TABLE stock (item VARCHAR(20), pieces INTEGER)"))
            connection.execute(text("INSERT INTO stock VALUES ('lamp', 3)"))
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    names: dict[str, Any] = dict(engines)
    for block in blocks:
        exec(block, names)
