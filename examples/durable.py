"""How the databases of the examples are set, so that a COMMIT that was acknowledged is on the disk.

SQLite as Python brings it (journal_mode=DELETE, synchronous=FULL) commits by deleting its journal and syncs no
directory: a power cut may bring the journal back, and the last commit is rolled back. EXTRA syncs the directory, too.
"""

DURABLE = {"sqlite": {"synchronous": "extra"}}
