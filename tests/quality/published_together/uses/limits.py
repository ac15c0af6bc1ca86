"""pyrate-limiter: one request in an hour, and a bucket in a file that two workers share."""

from __future__ import annotations

from typing import Any

from pyrate_limiter import Duration, Rate, RateItem, SQLiteBucket
from pyrate_limiter.buckets.sqlite_bucket import Queries

NOW_MS = 1_700_000_000_000


def create(connection: Any) -> None:
    connection.exec_driver_sql(Queries.CREATE_BUCKET_TABLE.format(table="rate_bucket"))
    index = Queries.CREATE_INDEX_ON_TIMESTAMP.format(
        index_name="idx_rate_bucket_rate_item_timestamp", table_name="rate_bucket"
    )
    connection.exec_driver_sql(index)


def ask(dsn: str, *, file_lock: bool = False) -> bool:
    """Whether this request is let through."""
    bucket = SQLiteBucket.init_from_file([Rate(1, Duration.HOUR)], db_path=dsn, use_file_lock=file_lock)
    try:
        return bool(bucket.put(RateItem("somebody", NOW_MS)))
    finally:
        bucket.close()
