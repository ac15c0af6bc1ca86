"""Letter I: several callers at once on the real database, every order of their Calls, compared with the serial ones."""
