"""Programs that fall into the traps of SQLAlchemy and its drivers, each with its mended twin; docs/traps.md lists them.

They are written as one meets them: plain SQLAlchemy, right on most days. ``name`` is what the drill must find fault
with on the engines of the table, ``name_mended`` is what it must pass there.
"""
