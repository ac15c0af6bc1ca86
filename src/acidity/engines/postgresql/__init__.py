"""PostgreSQL, through psycopg, psycopg2 and asyncpg."""
