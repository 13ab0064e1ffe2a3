-- Lease one lane of a processor that is limited for its first due delivery, and say in how many
-- seconds that may start; nothing if nothing may start now.
--
-- The processor's row of flow control serialises whoever asks, for a millisecond: so no two get the
-- same start, and no count is older than the lock. What is in the air are live leases: a worker that
-- dies gives its permit back with its lease. A start that is spent on a worker that dies is lost.
-- Of starts that lie ahead one is handed out at a time, so that one worker waits and not all of them.
CREATE OR REPLACE FUNCTION flowdeck_claim_limited(name text, leave_out bigint[], who text,
  lease_token uuid, lease_seconds float8, parks bool, at_once int, every float8, burst int,
  ahead float8)
RETURNS TABLE (lane bigint, first_slot smallint, last_slot smallint, claims int, suspect bigint,
  lowered int, settled bigint, start_in float8)
LANGUAGE plpgsql
SET enable_bitmapscan = off SET enable_sort = off SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan SET jit = off
AS $$
#variable_conflict use_column
DECLARE control flowdeck_flowcontrol; moment timestamptz; starts timestamptz; aired int;
  one flowdeck_lane; chosen bigint;
BEGIN
  IF NOT EXISTS (SELECT 1 FROM flowdeck_flowcontrol f WHERE f.processor = name) THEN
    INSERT INTO flowdeck_flowcontrol (processor) VALUES (name) ON CONFLICT DO NOTHING;
  END IF;
  PERFORM set_config('synchronous_commit', 'off', true);
  SELECT * INTO control FROM flowdeck_flowcontrol f WHERE f.processor = name FOR UPDATE;
  moment := clock_timestamp();  -- after the wait for the lock
  IF control.limits_set_at IS NOT NULL THEN  -- somebody has changed what the code says
    at_once := control.limit_concurrent;
    every := control.limit_every;
    burst := control.limit_burst;
  END IF;
  IF control.open_until > moment OR EXISTS (
    SELECT 1 FROM flowdeck_processorstate p WHERE p.name = $1 AND p.paused_at IS NOT NULL) THEN
    RETURN;
  END IF;
  SELECT count(DISTINCT l.token) INTO aired FROM flowdeck_lane l
  WHERE l.processor = name AND l.token IS NOT NULL AND l.lease_expires_at > moment;
  IF aired >= at_once OR (aired > 0 AND control.open_until IS NOT NULL) THEN RETURN; END IF;
  starts := moment;
  IF every IS NOT NULL THEN
    starts := greatest(control.next_at, moment - (burst - 1) * every * interval '1 second');
    IF starts > moment + ahead * interval '1 second'
      OR (starts > moment AND control.waits_until > moment) THEN
      UPDATE flowdeck_flowcontrol SET not_before = starts - ahead * interval '1 second'
      WHERE processor = name;
      RETURN;
    END IF;
  END IF;
  FOR one IN
    SELECT l.* FROM flowdeck_lane l
    WHERE l.processor = name AND (l.lease_expires_at IS NULL OR l.lease_expires_at < moment)
      AND NOT (l.id = ANY(leave_out))
    ORDER BY l.claimed_at NULLS FIRST, l.id FOR UPDATE OF l SKIP LOCKED
  LOOP
    IF EXISTS (SELECT 1 FROM flowdeck_pick(name, ARRAY[one.id], ARRAY[one.first_slot::int],
      ARRAY[one.last_slot::int], ARRAY[NULL::bigint], parks, 1)) THEN
      chosen := one.id;
      EXIT;
    END IF;
  END LOOP;
  IF chosen IS NULL THEN RETURN; END IF;
  UPDATE flowdeck_flowcontrol SET not_before = NULL, waits_until = starts,
    next_at = starts + every * interval '1 second'
  WHERE processor = name;
  RETURN QUERY
  UPDATE flowdeck_lane l SET claims = l.claims + 1, worker = who, claimed_at = moment,
    token = lease_token,
    lease_expires_at = greatest(starts, moment) + lease_seconds * interval '1 second'
  WHERE l.id = chosen
  RETURNING l.id, l.first_slot, l.last_slot, l.claims, l.suspect, l.lowered,
    coalesce((SELECT s.position FROM flowdeck_settled s), 0),
    greatest(0, extract(epoch FROM starts - moment))::float8;
END $$;
