"""SQLite, through Python's own driver and aiosqlite."""
