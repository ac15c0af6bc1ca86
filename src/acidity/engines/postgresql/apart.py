"""What DDL makes on PostgreSQL that few programs touch: comments, default privileges, settings, restarted sequences ….

Asking for it costs a millisecond, so it is asked from the first Call on that is not one of those that only write rows;
up to then it is as it was.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from acidity.core.call import History
from acidity.engines.postgresql.catalogue import SEQUENCES_OF
from acidity.engines.postgresql.speech import SPEECH

Rows = list[tuple[str, str, str, str]]

_ONLY_ROWS = re.compile(r"(insert|update|delete|merge|copy)\b|with\b")
_MADE = """
SELECT 'comment', pg_describe_object(classoid, objoid, objsubid), description FROM pg_description
WHERE objoid >= 16384 OR (classoid = 'pg_namespace'::regclass AND objoid = to_regnamespace('public'))
UNION ALL
SELECT 'comment', datname, description FROM pg_shdescription JOIN pg_database d ON d.oid = objoid
WHERE classoid = 'pg_database'::regclass AND datname = current_database()
UNION ALL
SELECT 'default privileges', concat_ws(' ', defaclrole::regrole, nullif(defaclnamespace, 0)::regnamespace,
       defaclobjtype), defaclacl::text FROM pg_default_acl
UNION ALL
SELECT 'setting', concat_ws(' ', d.datname, nullif(setrole, 0)::regrole), setconfig::text
FROM pg_db_role_setting s LEFT JOIN pg_database d ON d.oid = s.setdatabase
WHERE d.datname = current_database()
   OR (s.setdatabase = 0 AND setrole = (SELECT datdba FROM pg_database WHERE datname = current_database()))
UNION ALL
SELECT 'statistics', stxnamespace::regnamespace || '.' || stxname, pg_get_statisticsobjdef(oid) FROM pg_statistic_ext
UNION ALL
SELECT 'publication', pubname, pubname FROM pg_publication
UNION ALL
SELECT 'operator', oid::regoperator::text, concat_ws(' ', oprcode, oprcom, oprnegate)
FROM pg_operator WHERE oid >= 16384
UNION ALL
SELECT 'cast', concat_ws(' as ', castsource::regtype, casttarget::regtype), concat_ws(' ', castfunc, castcontext)
FROM pg_cast WHERE oid >= 16384
UNION ALL
SELECT 'collation', collnamespace::regnamespace || '.' || collname, collprovider::text
FROM pg_collation WHERE oid >= 16384
UNION ALL
SELECT 'text search configuration', oid::regconfig::text, cfgparser::text FROM pg_ts_config WHERE oid >= 16384
UNION ALL
SELECT 'text search dictionary', oid::regdictionary::text, dictinitoption FROM pg_ts_dict WHERE oid >= 16384
"""
# RESTART gives a sequence a new file, in the transaction; neither setval nor nextval does.
_FILES = f"SELECT s.place, s.relfilenode::bigint FROM ({SEQUENCES_OF}) s"


class Apart:
    """Compares it with what it was when this was made.

    Args:
        ask: sends a statement as the administrator.
    """

    def __init__(self, ask: Callable[[str], list[tuple[Any, ...]]]) -> None:
        self._ask = ask
        self._asks = False
        self._made = self._read()
        self.forget_files()

    def forget_files(self) -> None:
        """Sequences were put back, and may have got new files by that."""
        self._files = dict(self._ask(_FILES))

    def remember(self, history: History) -> None:
        """Ask from now on if a Call may have made something."""
        self._asks = self._asks or any(
            event.call.writes and not all(map(_ONLY_ROWS.match, SPEECH.statements(event.call.sql))) for event in history
        )

    def made(self) -> Rows:
        """What was made and dropped: what happened to it, kind, name and definition in one."""
        now = self._read() if self._asks else self._made
        return [("made", *each) for each in now - self._made] + [("dropped", *each) for each in self._made - now]

    def restarted(self) -> Rows:
        """Sequences that were restarted, and where they stand."""
        if not self._asks:
            return []
        moved = [name for name, file in self._ask(_FILES) if self._files.get(name, file) != file]
        return [
            (
                "restarted",
                "sequence",
                name,
                " ".join(map(str, self._ask(f"SELECT last_value, is_called FROM {name}")[0])),
            )
            for name in moved
        ]

    def _read(self) -> frozenset[tuple[str, str, str]]:
        return frozenset((str(kind), str(name), str(value)) for kind, name, value in self._ask(_MADE))
