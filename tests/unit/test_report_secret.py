"""No password of a URL reaches an output."""

from __future__ import annotations

import pytest

from acidity.report.secret import masked, printable, safe


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://ann:pw@db/x", "postgresql://ann:***@db/x"),
        ("postgresql+psycopg://ann:p:w/!$@db:5432/x", "postgresql+psycopg://ann:***@db:5432/x"),
        ("a://u:p@h b://v:q@i", "a://u:***@h b://v:***@i"),
        ("a://u:p@h,b://v:q@i", "a://u:***@h,b://v:***@i"),
        ("mysql://u:@h/x", "mysql://u:***@h/x"),
        ("sqlite:///x.db", "sqlite:///x.db"),
        ("postgresql://db/x?user=u&password=pw&sslmode=on", "postgresql://db/x?user=u&password=***&sslmode=on"),
        ("postgresql://ann@db/x", "postgresql://ann@db/x"),
        ("postgresql://bob:hunt@er2SEC@db/x", "postgresql://bob:***@db/x"),
        ("at postgresql://u:p@h/x, mail a@b", "at postgresql://u:***@h/x, mail a@b"),
        ("host=db user=bob password=hunter2 dbname=x", "host=db user=bob password=*** dbname=x"),
        ("dbname=x password='two words'", "dbname=x password=***"),
        ("UPDATE users SET password='x' WHERE id = 1", "UPDATE users SET password='x' WHERE id = 1"),
        ("UPDATE hosts SET host = ?, password = ?", "UPDATE hosts SET host = ?, password = ?"),
        ("nothing: here@all", "nothing: here@all"),
        ("postgresql://u:my secret@h/x", "postgresql://u:***@h/x"),
        ("postgresql://h:5432/x is down, ask a@b", "postgresql://h:5432/x is down, ask a@b"),
        ("postgresql://:pw@h/x", "postgresql://:***@h/x"),
        ("postgresql://u:a?b#c/d@h/x", "postgresql://u:***@h/x"),
        (r"host=db password=two\ words dbname=x", "host=db password=*** dbname=x"),
        ("host=db password=$ecret", "host=db password=***"),
        ("host=db password=%25x user=u", "host=db password=*** user=u"),
        ("connect(host='h', password='it\\'s')", "connect(host='h', password=***)"),
        ("{'host': 'h', 'password': 'pw', 'port': 1}", "{'host': 'h', 'password': ***, 'port': 1}"),
        ('{"user": "u", "passwd": "pw", "database": "d"}', '{"user": "u", "passwd": ***, "database": "d"}'),
        ("{'id': 1, 'password': 'a row'}", "{'id': 1, 'password': 'a row'}"),
        ("UPDATE t SET host = 1, password = $1, x = 2", "UPDATE t SET host = 1, password = $1, x = 2"),
        ("PGPASSWORD=pw psql", "PGPASSWORD=*** psql"),
        ("MYSQL_PWD=pw", "MYSQL_PWD=***"),
        ("SERVER=h;UID=u;PWD=pw;DATABASE=d", "SERVER=h;UID=u;PWD=***"),
    ],
)
def test_m2_masked(text, expected):
    assert masked(text) == expected


def test_printable_keeps_what_people_write():
    text = "naïve ₹5 → 漢字 é 👩‍👧 नमस्ते"
    assert printable(text) == text


def test_a_message_keeps_its_lines_and_nothing_that_moves_the_cursor():
    assert safe("a://u:pw@h\n\x1b]0;x\x07\u202e") == "a://u:***@h\n\\x1b]0;x\\x07\\u202e"
