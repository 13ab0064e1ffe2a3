"""PostgreSQL: claiming, taking and appending as one planned call each, with one argument to parse.

A message that comes alone waits for all of these, one after the other, so what counts here is
milliseconds and not rows: planning a statement anew costs more than running it, and psycopg builds
arrays slower than orjson writes the same as JSON.

Lanes are walked one after the other until there is enough, in another order each time: where many
keys are held back, each further lane would mean passing by all that is parked on it.
"""

from importlib import import_module

from django.db import migrations

PerDatabase = import_module("flowdeck.migrations.0002_database_rules").PerDatabase
older = import_module("flowdeck.migrations.0006_hot_path_functions")
old = import_module("flowdeck.migrations.0007_fewer_round_trips")

# A claim need not survive a crash of the server (a lease that is lost that way is noticed at the
# commit of its batch), so its commit does not wait for the disk; the setting ends with it.
CLAIM = f"""
CREATE FUNCTION flowdeck_claim(name text, leave_out bigint[], most int, who text, lease_token uuid,
  lease_seconds float8)
RETURNS TABLE (lane bigint, first_slot smallint, last_slot smallint, claims int, suspect bigint)
LANGUAGE plpgsql {older.SETTINGS} AS $$
#variable_conflict use_column
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  RETURN QUERY
  UPDATE flowdeck_lane SET claims = flowdeck_lane.claims + 1, worker = who,
    claimed_at = clock_timestamp(), token = lease_token,
    lease_expires_at = clock_timestamp() + lease_seconds * interval '1 second'
  WHERE id IN (SELECT flowdeck_claimable(name, leave_out, most))
  RETURNING id, flowdeck_lane.first_slot, flowdeck_lane.last_slot, flowdeck_lane.claims,
    flowdeck_lane.suspect;
END $$
"""

# Keys that are held back go into an object, key and position of the first that holds: looking a key
# up in it is three times as fast as in a hash table of the planner's. (Of two values the last one
# stays; sorting by the negative keeps the planner from walking all deliveries in order.)
DUE = f"""
CREATE FUNCTION flowdeck_due(name text, first int[], last int[], parks bool, most int)
RETURNS TABLE (delivery bigint, attempts smallint, due_position bigint)
LANGUAGE plpgsql ROWS 50 {older.SETTINGS} AS $$
DECLARE first_slot int; last_slot int; held jsonb; found int;
BEGIN
  FOR first_slot, last_slot IN SELECT * FROM unnest(first, last) ORDER BY random() LOOP
    SELECT jsonb_object_agg(o.key, o.position ORDER BY -o.position) INTO held
    FROM flowdeck_delivery o
    WHERE o.slot BETWEEN first_slot AND last_slot
      AND o.processor = name AND o.state IN ('retrying', 'dead')
      AND ((parks AND o.state = 'dead') OR o.due_at > statement_timestamp());
    RETURN QUERY
    SELECT d.id, d.attempts, d.position
    FROM generate_series(first_slot >> 6, last_slot >> 6) AS band
    CROSS JOIN LATERAL (
      SELECT w.id, w.attempts, w.position FROM flowdeck_delivery w
      WHERE w.processor = name AND w.state IN ('pending', 'retrying')
        AND w.slot >> 6 = band AND w.slot BETWEEN first_slot AND last_slot
        AND (w.due_at IS NULL OR w.due_at <= statement_timestamp())
        AND (held -> w.key IS NULL OR w.position < (held -> w.key)::bigint)
      ORDER BY w.position LIMIT most
    ) AS d
    ORDER BY d.position LIMIT most;
    GET DIAGNOSTICS found = ROW_COUNT;
    most := most - found;
    EXIT WHEN most <= 0;
  END LOOP;
END $$
"""

# Lanes are locked in one statement and what is due on them is read in the next, or it would come
# from a snapshot older than the locks.
TAKE = f"""
CREATE FUNCTION flowdeck_take(name text, lanes bigint[], parks bool, most int)
RETURNS TABLE (delivery bigint, attempts smallint, "position" bigint, id uuid, stream varchar,
  sequence bigint, type varchar, version smallint, data text, metadata text, key varchar,
  correlation_id uuid, causation_id uuid, producer varchar, occurred_at float8, recorded_at float8)
LANGUAGE plpgsql {older.SETTINGS} AS $$
#variable_conflict use_column
DECLARE first int[]; last int[];
BEGIN
  WITH locked AS (
    UPDATE flowdeck_lane SET claims = 0 WHERE id IN (
      SELECT id FROM flowdeck_lane
      WHERE id = ANY(lanes)
        AND (lease_expires_at IS NULL OR lease_expires_at < clock_timestamp())
      ORDER BY id FOR UPDATE SKIP LOCKED)
    RETURNING first_slot, last_slot
  )
  SELECT array_agg(first_slot), array_agg(last_slot) INTO first, last FROM locked;
  IF first IS NULL THEN RETURN; END IF;
  RETURN QUERY
  SELECT due.delivery, due.attempts, e.position, e.id, e.stream, e.sequence, e.type, e.version,
    e.data::text, e.metadata::text, e.key, e.correlation_id, e.causation_id, e.producer,
    extract(epoch FROM e.occurred_at)::float8, extract(epoch FROM e.recorded_at)::float8
  FROM flowdeck_due(name, first, last, parks, most) AS due
    JOIN flowdeck_event e ON e.position = due.due_position
  ORDER BY due.due_position + 0;  -- the sum keeps the planner from walking all events in order
END $$
"""

# Heads are advanced in order of name, so that two appends can't deadlock. An event says how many
# events of its stream come up to it in this append; where that is in the stream the head tells.
APPEND = """
CREATE FUNCTION flowdeck_append(rows json, heads json, fan_out json)
RETURNS TABLE (event uuid, at bigint, number bigint) LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET jit = off AS $$
BEGIN
  RETURN QUERY
  WITH head AS (
    INSERT INTO flowdeck_stream AS s (name, head)
    SELECT t.name, t.n FROM ROWS FROM (json_to_recordset(heads) AS (name text, n bigint))
      WITH ORDINALITY AS t(name, n, place)
    ORDER BY t.place
    ON CONFLICT (name) DO UPDATE SET head = s.head + excluded.head
    RETURNING s.name, s.head
  ), row AS (
    SELECT t.*, head.head - t.behind AS sequence
    FROM ROWS FROM (json_to_recordset(rows) AS (
      id uuid, stream text, behind bigint, type text, version smallint, data jsonb,
      metadata jsonb, key text, slot smallint, correlation_id uuid, causation_id uuid,
      producer text, occurred_at timestamptz, recorded_at timestamptz)) WITH ORDINALITY
      AS t(id, stream, behind, type, version, data, metadata, key, slot, correlation_id,
        causation_id, producer, occurred_at, recorded_at, place)
    JOIN head ON head.name = t.stream
  ), appended AS (
    INSERT INTO flowdeck_event (id, stream, sequence, type, version, data, metadata, key,
      correlation_id, causation_id, producer, occurred_at, recorded_at)
    SELECT r.id, r.stream, r.sequence, r.type, r.version, r.data, r.metadata, r.key,
      r.correlation_id, r.causation_id, r.producer, r.occurred_at, r.recorded_at
    FROM row AS r ORDER BY r.place
    RETURNING position, id, sequence
  ), delivered AS (
    INSERT INTO flowdeck_delivery (position, processor, key, slot, state, attempts)
    SELECT a.position, to_whom.processor, r.key, r.slot, 'pending', 0
    FROM appended AS a JOIN row AS r ON r.id = a.id
    JOIN json_to_recordset(fan_out) AS to_whom(type text, processor text, prefix text)
      ON to_whom.type = r.type AND starts_with(r.stream, to_whom.prefix)
  )
  SELECT a.id, a.position, a.sequence FROM appended AS a;
END $$
"""


class Migration(migrations.Migration):
    """The functions."""

    dependencies = [("flowdeck", "0010_indexes_on_sqlite")]
    operations = [
        PerDatabase(
            {
                "postgresql": [
                    "DROP FUNCTION flowdeck_take(text, bigint[], bool, int)",
                    "DROP FUNCTION flowdeck_append(json, text[], bigint[], text[], text[], text[])",
                    "DROP FUNCTION flowdeck_due(text, int[], int[], bool, int)",
                    CLAIM,
                    DUE,
                    TAKE,
                    APPEND,
                ],
                "sqlite": [],
            },
            {
                "postgresql": [
                    "DROP FUNCTION flowdeck_append(json, json, json)",
                    "DROP FUNCTION flowdeck_take(text, bigint[], bool, int)",
                    "DROP FUNCTION flowdeck_due(text, int[], int[], bool, int)",
                    "DROP FUNCTION flowdeck_claim",
                    old.DUE,
                    old.TAKE,
                    old.APPEND,
                ],
                "sqlite": [],
            },
        )
    ]
