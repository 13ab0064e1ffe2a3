-- Choose free lanes with due work and count the claim; with a token, lease them. The lanes that were
-- kept before are left in the same round trip.
--
-- A claim need not survive a crash of the server (a lease that is lost that way is noticed at the
-- commit of its batch), so its commit does not wait for the disk; the setting ends with it.
DROP FUNCTION IF EXISTS flowdeck_claim(text, bigint[], int, text, uuid, float8);
CREATE OR REPLACE FUNCTION flowdeck_claim(name text, leave_out bigint[], most int, who text,
  kept_seconds float8, lease_token uuid, lease_seconds float8,
  left_lanes bigint[], left_floors bigint[], left_lowered int[])
RETURNS TABLE (lane bigint, first_slot smallint, last_slot smallint, claims int, suspect bigint,
  lowered int, settled bigint)
LANGUAGE plpgsql
SET enable_bitmapscan = off SET enable_sort = off SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan SET jit = off
AS $$
#variable_conflict use_column
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  IF left_lanes <> '{}' THEN
    PERFORM flowdeck_leave(who, left_lanes, left_floors, left_lowered);
  END IF;
  RETURN QUERY
  UPDATE flowdeck_lane SET claims = flowdeck_lane.claims + 1, worker = who,
    claimed_at = clock_timestamp(), token = lease_token,
    lease_expires_at = clock_timestamp() + lease_seconds * interval '1 second'
  WHERE id IN (SELECT flowdeck_claimable(name, leave_out, most, who, kept_seconds))
  RETURNING id, flowdeck_lane.first_slot, flowdeck_lane.last_slot, flowdeck_lane.claims,
    flowdeck_lane.suspect, flowdeck_lane.lowered,
    coalesce((SELECT s.position FROM flowdeck_settled s), 0);
END $$;
