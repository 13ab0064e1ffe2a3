"""PostgreSQL: appending, and locking lanes with reading what is due on them, as one call each.

Beside the round trips this saves the planning: a function's statements are planned once per
connection. In a function that may write, each statement sees what was committed before it began, so
what is due is still read after the lanes are locked.

``flowdeck_due`` passes by the keys that are held back in one walk along the index, so it need not
guess how far it must look to find others. What is behind all that hold is held by its key alone;
only in between it matters whether the one that holds comes before.
"""

from importlib import import_module

from django.db import migrations

PerDatabase = import_module("flowdeck.migrations.0002_database_rules").PerDatabase
before = import_module("flowdeck.migrations.0006_hot_path_functions")

_WALK = """
  SELECT d.id, d.attempts, d.position
  FROM unnest(first, last) AS lane(first_slot, last_slot)
  CROSS JOIN generate_series(lane.first_slot >> 6, lane.last_slot >> 6) AS band
  CROSS JOIN LATERAL (
    SELECT w.id, w.attempts, w.position FROM flowdeck_delivery w
    WHERE w.processor = name AND w.state IN ('pending', 'retrying')
      AND w.slot >> 6 = band AND w.slot BETWEEN lane.first_slot AND lane.last_slot
      AND (w.due_at IS NULL OR w.due_at <= statement_timestamp()) {passing}
    ORDER BY w.position LIMIT most
  ) AS d
  ORDER BY d.position LIMIT most"""
_HOLDS = """o.processor = name AND o.state IN ('retrying', 'dead')
      AND ((parks AND o.state = 'dead') OR o.due_at > statement_timestamp())"""
_NOT_HELD = f"""AND (
        w.key NOT IN (SELECT unnest(held)) OR w.position < low
        OR (w.position < high AND NOT EXISTS (
          SELECT 1 FROM flowdeck_delivery o
          WHERE o.slot = w.slot AND o.key = w.key AND o.position < w.position AND {_HOLDS})))"""

DUE = f"""
CREATE FUNCTION flowdeck_due(name text, first int[], last int[], parks bool, most int)
RETURNS TABLE (delivery bigint, attempts smallint, due_position bigint)
LANGUAGE plpgsql ROWS 50 {before.SETTINGS} AS $$
DECLARE held text[]; low bigint; high bigint;
BEGIN
  SELECT array_agg(h.key), min(h.position), max(h.position) INTO held, low, high
  FROM unnest(first, last) AS lane(first_slot, last_slot)
  CROSS JOIN LATERAL (
    SELECT o.key, o.position FROM flowdeck_delivery o
    WHERE o.slot BETWEEN lane.first_slot AND lane.last_slot AND {_HOLDS}
  ) AS h;
  IF held IS NULL THEN
    RETURN QUERY {_WALK.format(passing="")};
  ELSE
    RETURN QUERY {_WALK.format(passing=_NOT_HELD)};
  END IF;
END $$
"""

TAKE = f"""
CREATE FUNCTION flowdeck_take(name text, lanes bigint[], parks bool, most int)
RETURNS TABLE (delivery bigint, attempts smallint, due_position bigint)
LANGUAGE plpgsql ROWS 50 {before.SETTINGS} AS $$
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
  RETURN QUERY SELECT * FROM flowdeck_due(name, first, last, parks, most);
END $$
"""

# Heads are advanced in order of name, so that two appends can't deadlock. An event says how many
# events of its stream come up to it in this append; where that is in the stream the head tells.
APPEND = """
CREATE FUNCTION flowdeck_append(rows json, names text[], counts bigint[],
  types text[], processors text[], prefixes text[])
RETURNS TABLE (event uuid, at bigint, number bigint) LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET jit = off AS $$
BEGIN
  RETURN QUERY
  WITH head AS (
    INSERT INTO flowdeck_stream AS s (name, head)
    SELECT t.name, t.n FROM unnest(names, counts) WITH ORDINALITY AS t(name, n, place)
    ORDER BY t.place
    ON CONFLICT (name) DO UPDATE SET head = s.head + excluded.head
    RETURNING s.name, s.head
  ), row AS (
    SELECT t.*, head.head - given.n + t.ordinal AS sequence
    FROM ROWS FROM (json_to_recordset(rows) AS (
      id uuid, stream text, ordinal bigint, type text, version smallint, data jsonb,
      metadata jsonb, key text, slot smallint, correlation_id uuid, causation_id uuid,
      producer text, occurred_at timestamptz, recorded_at timestamptz)) WITH ORDINALITY
      AS t(id, stream, ordinal, type, version, data, metadata, key, slot, correlation_id,
        causation_id, producer, occurred_at, recorded_at, place)
    JOIN head ON head.name = t.stream
    JOIN unnest(names, counts) AS given(name, n) ON given.name = t.stream
  ), appended AS (
    INSERT INTO flowdeck_event (id, stream, sequence, type, version, data, metadata, key,
      correlation_id, causation_id, producer, occurred_at, recorded_at)
    SELECT r.id, r.stream, r.sequence, r.type, r.version, r.data, r.metadata, r.key,
      r.correlation_id, r.causation_id, r.producer, r.occurred_at, r.recorded_at
    FROM row AS r ORDER BY r.place
    RETURNING position, id, sequence
  ), delivered AS (
    INSERT INTO flowdeck_delivery (position, processor, key, slot, state, attempts)
    SELECT a.position, fan_out.processor, r.key, r.slot, 'pending', 0
    FROM appended AS a JOIN row AS r ON r.id = a.id
    JOIN unnest(types, processors, prefixes) AS fan_out(type, processor, prefix)
      ON fan_out.type = r.type AND starts_with(r.stream, fan_out.prefix)
  )
  SELECT a.id, a.position, a.sequence FROM appended AS a;
END $$
"""


class Migration(migrations.Migration):
    """The three functions."""

    dependencies = [("flowdeck", "0006_hot_path_functions")]
    operations = [
        PerDatabase(
            {
                "postgresql": [
                    "DROP FUNCTION flowdeck_due(text, int[], int[], int, bool, int)",
                    DUE,
                    TAKE,
                    APPEND,
                ],
                "sqlite": [],
            },
            {
                "postgresql": [
                    "DROP FUNCTION flowdeck_append",
                    "DROP FUNCTION flowdeck_take",
                    "DROP FUNCTION flowdeck_due",
                    before.DUE,
                ],
                "sqlite": [],
            },
        )
    ]
