"""Letter D: power loss, replayed from what a database has written."""
