-- Say that lanes are kept no longer: their claims ended well, and from here on there is work.
--
-- A floor that somebody has lowered meanwhile stays as it is. Lanes that are locked just now are
-- passed by: whoever has them will leave them, too.
CREATE OR REPLACE FUNCTION flowdeck_leave(who text, lanes bigint[], floors bigint[], lowered int[])
RETURNS void LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET jit = off
AS $$
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  UPDATE flowdeck_lane l SET claims = CASE WHEN l.worker = who THEN 0 ELSE l.claims END,
    floor = CASE WHEN l.lowered = t.lowered THEN greatest(l.floor, t.floor) ELSE l.floor END
  FROM unnest(lanes, floors, $4) AS t(id, floor, lowered)
  WHERE l.id = t.id
    AND l.id IN (SELECT id FROM flowdeck_lane WHERE id = ANY(lanes) FOR UPDATE SKIP LOCKED);
END $$;
