-- The ids of free lanes of a processor that have due work, least recently claimed first; locked.
--
-- Due work is looked for from the lane's floor on: below it is none, only what is dead and not yet
-- vacuumed, which may be a million rows as long as somebody else's transaction is open.
-- A lane that another worker claimed a moment ago is kept by it, and not free, unless it has said
-- that it is done with it; if that worker is dead, it is for so long only.
-- The planner expects one waiting row where there may be a million, because it takes the conditions
-- for independent; then it sorts all of them to find the first few. Reading in the order of the index
-- is right at any size, hence the settings: they end with the call, and handlers are planned as ever.
DROP FUNCTION IF EXISTS flowdeck_claimable(text, bigint[], int);
CREATE OR REPLACE FUNCTION flowdeck_claimable(name text, leave_out bigint[], most int, who text,
  kept_seconds float8)
RETURNS SETOF bigint LANGUAGE plpgsql
SET enable_bitmapscan = off SET enable_sort = off SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan SET jit = off
AS $$
BEGIN
  RETURN QUERY
  SELECT l.id FROM flowdeck_lane l
  WHERE l.processor = name
    AND (l.lease_expires_at IS NULL OR l.lease_expires_at < clock_timestamp())
    AND NOT (l.claims > 0 AND l.token IS NULL AND l.worker <> who
      AND l.claimed_at > clock_timestamp() - kept_seconds * interval '1 second')
    AND NOT (l.id = ANY(leave_out))
    AND (
      SELECT true FROM generate_series((l.first_slot >> 6)::int, (l.last_slot >> 6)::int) AS band
      CROSS JOIN LATERAL (
        SELECT true FROM flowdeck_due d
        WHERE d.processor = name AND d.state IN ('pending', 'retrying', 'sleeping')
          AND d.slot >> 6 = band AND d.slot BETWEEN l.first_slot AND l.last_slot
          AND d.position >= l.floor
          AND (d.due_at IS NULL OR d.due_at <= statement_timestamp())
        LIMIT 1) AS due
      LIMIT 1)
    AND NOT EXISTS (
      SELECT 1 FROM flowdeck_processorstate p WHERE p.name = $1 AND p.paused_at IS NOT NULL)
  ORDER BY l.claimed_at NULLS FIRST, l.id
  LIMIT most FOR UPDATE OF l SKIP LOCKED;
END $$;
