"""PostgreSQL: finding what is due, as functions with planner settings of their own.

The planner expects one waiting row where there may be a million, because it takes the conditions
for independent; then it sorts all of them to find the first few hundred. Reading in the order of
the index is right at any size. A function's settings end with its call, so handlers are planned as
ever; and its statements are planned once per connection.
"""

from importlib import import_module

from django.db import migrations

PerDatabase = import_module("flowdeck.migrations.0002_database_rules").PerDatabase

# ROWS of flowdeck_due: few, so that its events are looked up one by one and not read from end to end.
SETTINGS = """
SET enable_bitmapscan = off SET enable_sort = off SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan SET jit = off
"""

CLAIMABLE = f"""
CREATE FUNCTION flowdeck_claimable(name text, leave_out bigint[], most int)
RETURNS SETOF bigint LANGUAGE plpgsql {SETTINGS} AS $$
BEGIN
  RETURN QUERY
  SELECT l.id FROM flowdeck_lane l
  WHERE l.processor = name
    AND (l.lease_expires_at IS NULL OR l.lease_expires_at < clock_timestamp())
    AND NOT (l.id = ANY(leave_out))
    AND (
      SELECT true FROM flowdeck_delivery d
      WHERE d.processor = name AND d.state IN ('pending', 'retrying')
        AND d.slot >> 6 BETWEEN l.first_slot >> 6 AND l.last_slot >> 6
        AND d.slot BETWEEN l.first_slot AND l.last_slot
        AND (d.due_at IS NULL OR d.due_at <= statement_timestamp())
      LIMIT 1)
    AND NOT EXISTS (
      SELECT 1 FROM flowdeck_processorstate p WHERE p.name = $1 AND p.paused_at IS NOT NULL)
  ORDER BY l.claimed_at NULLS FIRST, l.id
  LIMIT most FOR UPDATE OF l SKIP LOCKED;
END $$
"""

DUE = f"""
CREATE FUNCTION flowdeck_due(name text, first int[], last int[], look_at int, parks bool, most int)
RETURNS TABLE (seen bigint, delivery bigint, attempts smallint, due_position bigint)
LANGUAGE plpgsql ROWS 50 {SETTINGS} AS $$
BEGIN
  RETURN QUERY
  WITH lane AS (
    SELECT t.first_slot, t.last_slot, band
    FROM unnest(first, last) AS t(first_slot, last_slot),
      generate_series(t.first_slot >> 6, t.last_slot >> 6) AS band
  ), held AS MATERIALIZED (
    SELECT d.key, min(d.position) AS position
    FROM lane CROSS JOIN LATERAL (
      SELECT h.key, h.position FROM flowdeck_delivery h
      WHERE h.processor = name AND h.state IN ('retrying', 'dead')
        AND h.slot BETWEEN lane.first_slot AND lane.last_slot
        AND ((parks AND h.state = 'dead') OR h.due_at > statement_timestamp())
    ) AS d
    GROUP BY d.key
  ), due AS MATERIALIZED (
    SELECT d.* FROM lane CROSS JOIN LATERAL (
      SELECT w.id, w.position, w.key, w.attempts FROM flowdeck_delivery w
      WHERE w.processor = name AND w.state IN ('pending', 'retrying')
        AND w.slot >> 6 = lane.band AND w.slot BETWEEN lane.first_slot AND lane.last_slot
        AND (w.due_at IS NULL OR w.due_at <= statement_timestamp())
      ORDER BY w.position LIMIT look_at
    ) AS d
  ), ready AS (
    SELECT due.* FROM due LEFT JOIN held ON held.key = due.key AND held.position < due.position
    WHERE held.key IS NULL ORDER BY due.position LIMIT most
  )
  SELECT counted.n, ready.id, ready.attempts, ready.position
  FROM (SELECT count(*) AS n FROM due) AS counted LEFT JOIN ready ON true;
END $$
"""

DUE_PROCESSORS = f"""
CREATE FUNCTION flowdeck_due_processors(names text[])
RETURNS SETOF text LANGUAGE plpgsql {SETTINGS} AS $$
BEGIN
  RETURN QUERY
  SELECT asked.name FROM unnest(names) AS asked(name)
  WHERE (
      SELECT true FROM flowdeck_delivery d
      WHERE d.processor = asked.name AND d.state IN ('pending', 'retrying')
        AND (d.due_at IS NULL OR d.due_at <= statement_timestamp())
      LIMIT 1)
    AND NOT EXISTS (
      SELECT 1 FROM flowdeck_processorstate p
      WHERE p.name = asked.name AND p.paused_at IS NOT NULL);
END $$
"""


class Migration(migrations.Migration):
    """The three functions."""

    dependencies = [("flowdeck", "0005_saved_views")]
    operations = [
        PerDatabase(
            {"postgresql": [CLAIMABLE, DUE, DUE_PROCESSORS], "sqlite": []},
            {
                "postgresql": [
                    "DROP FUNCTION flowdeck_claimable",
                    "DROP FUNCTION flowdeck_due",
                    "DROP FUNCTION flowdeck_due_processors",
                ],
                "sqlite": [],
            },
        )
    ]
