-- Deliveries in two tables: `due` holds what is not done, `done` what is; the view is both, for
-- readers.
CREATE TABLE IF NOT EXISTS flowdeck_due (
  position bigint NOT NULL, processor varchar(64) NOT NULL, key varchar(200) NOT NULL,
  slot smallint unsigned NOT NULL CHECK (slot >= 0), state varchar(10) NOT NULL DEFAULT 'pending',
  attempts smallint unsigned NOT NULL DEFAULT 0 CHECK (attempts >= 0), due_at datetime,
  started_at datetime, finished_at datetime, fingerprint varchar(32) NOT NULL DEFAULT '',
  retried smallint unsigned NOT NULL DEFAULT 0 CHECK (retried >= 0), letter bigint,
  grp varchar(200),
  PRIMARY KEY (position, processor)) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS flowdeck_done (
  position bigint NOT NULL, processor varchar(64) NOT NULL,
  attempts smallint unsigned NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  retried smallint unsigned NOT NULL DEFAULT 0 CHECK (retried >= 0),
  started_at datetime, finished_at datetime, letter bigint,
  fingerprint varchar(32) NOT NULL DEFAULT '',
  PRIMARY KEY (position, processor)) WITHOUT ROWID;

-- Only branches whose columns have the same affinity are read by index where the view is joined.
DROP VIEW IF EXISTS flowdeck_delivery;
CREATE VIEW flowdeck_delivery AS
SELECT position, processor, key, slot, state, attempts, due_at, started_at, finished_at,
  fingerprint, retried, letter
FROM flowdeck_due
UNION ALL
SELECT position, processor, CAST('' AS varchar), CAST(NULL AS smallint), CAST('done' AS varchar),
  attempts, CAST(NULL AS datetime), started_at, finished_at, fingerprint, retried, letter
FROM flowdeck_done;

-- What is due, held back and dead. SQLite uses a partial index only if its condition stands in the
-- query word for word (``state__among`` in flowdeck/models/delivery.py).
CREATE INDEX IF NOT EXISTS flowdeck_due_waiting ON flowdeck_due
  (processor, position) WHERE state IN ('pending', 'retrying', 'sleeping');
CREATE INDEX IF NOT EXISTS flowdeck_due_slot ON flowdeck_due
  (processor, slot) WHERE state IN ('pending', 'retrying', 'sleeping');
CREATE INDEX IF NOT EXISTS flowdeck_due_held ON flowdeck_due
  (processor, key) WHERE state IN ('retrying', 'sleeping', 'dead');
CREATE INDEX IF NOT EXISTS flowdeck_due_dead ON flowdeck_due (letter) WHERE state = 'dead';
CREATE INDEX IF NOT EXISTS flowdeck_due_dead_group ON flowdeck_due
  (fingerprint, key, processor, letter, finished_at, retried) WHERE state = 'dead';
CREATE INDEX IF NOT EXISTS flowdeck_due_dead_key ON flowdeck_due
  (processor, key, position, fingerprint, finished_at, retried) WHERE state = 'dead';
CREATE INDEX IF NOT EXISTS flowdeck_due_dead_at ON flowdeck_due
  (finished_at, fingerprint, processor) WHERE state = 'dead';
CREATE INDEX IF NOT EXISTS flowdeck_due_retried ON flowdeck_due
  (fingerprint, processor, letter) WHERE retried > 0 AND state IN ('pending', 'retrying', 'sleeping');
CREATE INDEX IF NOT EXISTS flowdeck_due_open ON flowdeck_due
  (state, position) WHERE state IN ('retrying', 'sleeping', 'dead', 'discarded');
-- Letters by their numbers, also after they were dealt with.
CREATE INDEX IF NOT EXISTS flowdeck_due_letter ON flowdeck_due (letter) WHERE letter IS NOT NULL;
CREATE INDEX IF NOT EXISTS flowdeck_done_letter ON flowdeck_done (letter) WHERE letter IS NOT NULL;
-- What ended when.
CREATE INDEX IF NOT EXISTS flowdeck_done_at ON flowdeck_done (finished_at);
