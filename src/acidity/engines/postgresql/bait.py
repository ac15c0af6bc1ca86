"""What faults and counters of transactions need in the database, in a schema of acidity's own."""

from __future__ import annotations

# What faults need: a row to fight for, a key to break at COMMIT, a sort too big for its disk at COMMIT, a wait in which
# a deadlock is looked for at once (a program may not set that itself); and what the triggers of `Writers` need.
BAIT = """
CREATE SCHEMA {bait};
CREATE TABLE {bait}.bait (id int PRIMARY KEY, n int NOT NULL);
INSERT INTO {bait}.bait SELECT i, 0 FROM generate_series(1, 2) i;
CREATE TABLE {bait}.late (id int REFERENCES {bait}.bait DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE {bait}.full (id int);
CREATE FUNCTION {bait}.sort() RETURNS trigger LANGUAGE plpgsql SET search_path = {bait} AS $$
BEGIN PERFORM fill(); RETURN NULL; END $$;
CREATE FUNCTION {bait}.fill() RETURNS bigint LANGUAGE sql SECURITY DEFINER
SET temp_file_limit = '64kB' SET work_mem = '64kB' AS
$$ SELECT count(*) FROM (SELECT repeat('x', 100) || i AS t FROM generate_series(1, 20000) i ORDER BY t OFFSET 0) s $$;
CREATE CONSTRAINT TRIGGER sort AFTER INSERT ON {bait}.full DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION {bait}.sort();
CREATE FUNCTION {bait}.wait_for(key bigint) RETURNS void LANGUAGE sql SECURITY DEFINER SET deadlock_timeout = '1ms' AS
$$ SELECT pg_advisory_xact_lock(key) $$;
CREATE TABLE {bait}.writers (transaction xid8 PRIMARY KEY);
CREATE FUNCTION {bait}.wrote() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = {bait} AS $$
BEGIN INSERT INTO writers VALUES (pg_current_xact_id()) ON CONFLICT DO NOTHING; RETURN NULL; END $$;
"""
