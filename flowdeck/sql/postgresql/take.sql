-- Lock lanes and read what is due on those that were had.
--
-- Two statements: were it one, what is due would come from a snapshot older than the locks. A lock
-- leaves no dead row behind: the lane is written when it is claimed and when it is left.
-- The floors that are given hold unless somebody has lowered them since the claim.
DROP FUNCTION IF EXISTS flowdeck_take(text, bigint[], bool, int);
CREATE OR REPLACE FUNCTION flowdeck_take(name text, lanes bigint[], floors bigint[], lowered int[],
  parks bool, most int)
RETURNS TABLE (attempts smallint, "position" bigint, id uuid, stream varchar,
  sequence bigint, type varchar, version smallint, data text, metadata text, key varchar,
  correlation_id uuid, causation_id uuid, producer varchar, occurred_at float8, recorded_at float8,
  lane bigint, floor bigint)
LANGUAGE plpgsql
SET enable_bitmapscan = off SET enable_sort = off SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan SET jit = off
AS $$
#variable_conflict use_column
DECLARE had bigint[]; first int[]; last int[]; low bigint[];
BEGIN
  WITH locked AS (
    SELECT l.id, l.first_slot, l.last_slot,
      CASE WHEN l.lowered = t.lowered THEN greatest(l.floor, t.floor) ELSE l.floor END AS floor
    FROM flowdeck_lane l JOIN unnest(lanes, floors, $4) AS t(id, floor, lowered) ON t.id = l.id
    WHERE l.id = ANY(lanes)
      AND (l.lease_expires_at IS NULL OR l.lease_expires_at < clock_timestamp())
    ORDER BY l.id FOR UPDATE OF l SKIP LOCKED
  )
  SELECT array_agg(id), array_agg(first_slot), array_agg(last_slot), array_agg(floor)
  INTO had, first, last, low FROM locked;
  IF had IS NULL THEN RETURN; END IF;
  RETURN QUERY
  SELECT due.attempts, e.position, e.id, e.stream, e.sequence, e.type,
    coalesce(c.version, e.version), coalesce(c.data, e.data)::text, e.metadata::text, e.key,
    e.correlation_id, e.causation_id, e.producer,
    extract(epoch FROM e.occurred_at)::float8, extract(epoch FROM e.recorded_at)::float8,
    due.lane, due.floor
  FROM flowdeck_pick(name, had, first, last, low, parks, most) AS due
    JOIN flowdeck_event e ON e.position = due.due_position
    -- One look into an index for each; a plain join might read all corrections for each batch.
    LEFT JOIN LATERAL (
      SELECT version, data FROM flowdeck_correction WHERE position = e.position OFFSET 0
    ) AS c ON true
  ORDER BY due.due_position + 0;  -- the sum keeps the planner from walking all events in order
END $$;
