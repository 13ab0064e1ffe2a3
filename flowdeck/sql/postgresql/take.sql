-- Lock lanes and read what is due on those that were had.
--
-- Two statements: were it one, what is due would come from a snapshot older than the locks.
DROP FUNCTION IF EXISTS flowdeck_take(text, bigint[], bool, int);  -- what it returns can't be replaced
CREATE OR REPLACE FUNCTION flowdeck_take(name text, lanes bigint[], parks bool, most int)
RETURNS TABLE (attempts smallint, "position" bigint, id uuid, stream varchar,
  sequence bigint, type varchar, version smallint, data text, metadata text, key varchar,
  correlation_id uuid, causation_id uuid, producer varchar, occurred_at float8, recorded_at float8)
LANGUAGE plpgsql
SET enable_bitmapscan = off SET enable_sort = off SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan SET jit = off
AS $$
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
  SELECT due.attempts, e.position, e.id, e.stream, e.sequence, e.type, e.version,
    e.data::text, e.metadata::text, e.key, e.correlation_id, e.causation_id, e.producer,
    extract(epoch FROM e.occurred_at)::float8, extract(epoch FROM e.recorded_at)::float8
  FROM flowdeck_pick(name, first, last, parks, most) AS due
    JOIN flowdeck_event e ON e.position = due.due_position
  ORDER BY due.due_position + 0;  -- the sum keeps the planner from walking all events in order
END $$;
