-- Deliveries in two tables: `due` holds what is not done, `done` what is; the view is both, for
-- readers. What is due stays small, so its indexes do, whatever the log has grown to, and a row that
-- is done is never written again.
--
-- A letter's number is given when a delivery becomes a dead letter for the first time, and stays.
CREATE SEQUENCE IF NOT EXISTS flowdeck_letter AS bigint;

CREATE TABLE IF NOT EXISTS flowdeck_due (
  position bigint NOT NULL, slot smallint NOT NULL, attempts smallint NOT NULL DEFAULT 0,
  retried smallint NOT NULL DEFAULT 0, due_at timestamptz, started_at timestamptz,
  finished_at timestamptz, letter bigint, processor varchar(64) NOT NULL,
  key varchar(200) NOT NULL, state varchar(10) NOT NULL DEFAULT 'pending',
  fingerprint varchar(32) NOT NULL DEFAULT '', grp varchar(200), PRIMARY KEY (position, processor));
ALTER TABLE flowdeck_due ADD COLUMN IF NOT EXISTS grp varchar(200);

-- The partitions are made by flowdeck/sql/postgresql/partitions.py. There is none for the rest:
-- attaching one would have to look through it, under a lock.
CREATE TABLE IF NOT EXISTS flowdeck_done (
  position bigint NOT NULL, started_at timestamptz, finished_at timestamptz,
  attempts smallint NOT NULL DEFAULT 0, retried smallint NOT NULL DEFAULT 0,
  processor varchar(64) NOT NULL, letter bigint,
  fingerprint varchar(32) NOT NULL DEFAULT '',
  PRIMARY KEY (position, processor)) PARTITION BY RANGE (position);

-- Both branches name the same types, and each reads one table: only then is a condition on the view
-- one on the tables, and a branch that can't have such a state left out.
CREATE OR REPLACE VIEW flowdeck_delivery AS
SELECT position, processor, key, slot, state, attempts, due_at, started_at, finished_at,
  fingerprint, retried, letter
FROM flowdeck_due
UNION ALL
SELECT position, processor, ''::varchar(200), NULL::smallint, 'done'::varchar(10), attempts,
  NULL::timestamptz, started_at, finished_at, fingerprint, retried, letter
FROM flowdeck_done;

-- What belongs to a group of a limited processor: the groups and their first ones, and the first of
-- each key. Rows of others are in neither.
CREATE INDEX IF NOT EXISTS flowdeck_due_group ON flowdeck_due
  (processor, grp, (slot >> 6), position)
  WHERE grp IS NOT NULL AND state IN ('pending', 'retrying', 'sleeping');
CREATE INDEX IF NOT EXISTS flowdeck_due_group_key ON flowdeck_due
  (processor, key, position)
  WHERE grp IS NOT NULL AND state IN ('pending', 'retrying', 'sleeping', 'dead');
-- What is due, held back and dead.
CREATE INDEX IF NOT EXISTS flowdeck_due_waiting ON flowdeck_due
  (processor, (slot >> 6), position) WHERE state IN ('pending', 'retrying', 'sleeping');
CREATE INDEX IF NOT EXISTS flowdeck_due_held ON flowdeck_due
  (processor, slot) WHERE state IN ('retrying', 'sleeping', 'dead');
CREATE INDEX IF NOT EXISTS flowdeck_due_dead ON flowdeck_due (letter) WHERE state = 'dead';
CREATE INDEX IF NOT EXISTS flowdeck_due_dead_group ON flowdeck_due
  (fingerprint, key, processor, letter, finished_at, retried) WHERE state = 'dead';
CREATE INDEX IF NOT EXISTS flowdeck_due_dead_key ON flowdeck_due
  (processor, key, position, fingerprint, finished_at, retried) WHERE state = 'dead';
CREATE INDEX IF NOT EXISTS flowdeck_due_dead_at ON flowdeck_due
  (finished_at, fingerprint, processor) WHERE state = 'dead';
CREATE INDEX IF NOT EXISTS flowdeck_due_retried ON flowdeck_due
  (fingerprint, processor, letter) WHERE retried > 0 AND state IN ('pending', 'retrying', 'sleeping');
-- A handful of rows, newest first: the log's filter by state, and the lanes' trouble.
CREATE INDEX IF NOT EXISTS flowdeck_due_open ON flowdeck_due
  (state, position) WHERE state IN ('retrying', 'sleeping', 'dead', 'discarded');
-- Letters by their numbers, also after they were dealt with.
CREATE INDEX IF NOT EXISTS flowdeck_due_letter ON flowdeck_due (letter) WHERE letter IS NOT NULL;
CREATE INDEX IF NOT EXISTS flowdeck_done_letter ON flowdeck_done (letter) WHERE letter IS NOT NULL;
-- What ended when: rows come in the order of time, so this one is a thousandth of their size.
CREATE INDEX IF NOT EXISTS flowdeck_done_at ON flowdeck_done
  USING brin (finished_at) WITH (pages_per_range = 32, autosummarize = on);

-- Each row of what is due is deleted soon after its insert: vacuum comes by the number of such rows,
-- whatever is left, and never waits; cutting the file short would lock it.
ALTER TABLE flowdeck_due SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
  autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000,
  autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
