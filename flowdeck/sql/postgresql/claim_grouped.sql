-- The same as flowdeck_claim_limited where limits hold for each group apart: the groups that have work
-- take turns, 64 of them in a call, on from the one that had the last.
--
-- Only the first delivery of its key is chosen, whatever group that is in: so a key keeps its order.
-- Of a group the first 64 of a lane's sixteenth are looked at.
-- A lane whose last claim has not ended well goes on with what that was for, and with nothing else: so
-- what kills its workers is found by the count of claims, however much work other groups have.
CREATE OR REPLACE FUNCTION flowdeck_claim_grouped(name text, leave_out bigint[], who text,
  lease_token uuid, lease_seconds float8, parks bool, at_once int, every float8, burst int,
  ahead float8)
RETURNS TABLE (lane bigint, first_slot smallint, last_slot smallint, claims int, suspect bigint,
  lowered int, settled bigint, start_in float8, "position" bigint)
LANGUAGE plpgsql
SET enable_bitmapscan = off SET enable_sort = off SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan SET jit = off
AS $$
#variable_conflict use_column
DECLARE control flowdeck_flowcontrol; moment timestamptz; starts timestamptz; soonest timestamptz;
  groups text[]; this text; chosen bigint; chosen_lane bigint; free bigint[]; turn int;
  again bigint[]; again_on bigint[]; again_of text[];
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
  IF control.open_until IS NOT NULL AND EXISTS (
    SELECT 1 FROM flowdeck_lane l
    WHERE l.processor = name AND l.token IS NOT NULL AND l.lease_expires_at > moment) THEN
    RETURN;
  END IF;
  FOR turn IN 1..2 LOOP
    WITH RECURSIVE walk(v, n) AS (
      SELECT (SELECT d.grp FROM flowdeck_due d WHERE d.processor = name AND d.grp > control.visited
        AND d.state IN ('pending', 'retrying', 'sleeping') ORDER BY d.grp LIMIT 1), 1
      UNION ALL
      SELECT (SELECT d.grp FROM flowdeck_due d WHERE d.processor = name AND d.grp > walk.v
        AND d.state IN ('pending', 'retrying', 'sleeping') ORDER BY d.grp LIMIT 1), n + 1
      FROM walk WHERE walk.v IS NOT NULL AND n < 64
    ) SELECT groups || array_agg(v ORDER BY v) INTO groups FROM walk WHERE v IS NOT NULL;
    EXIT WHEN cardinality(groups) >= 64 OR control.visited = '';
    control.visited := '';  -- from the beginning again
  END LOOP;
  SELECT array_agg(f.id) FILTER (WHERE f.again IS NULL),
    array_agg(f.again) FILTER (WHERE f.again IS NOT NULL),
    array_agg(f.id) FILTER (WHERE f.again IS NOT NULL),
    array_agg(f.grp) FILTER (WHERE f.again IS NOT NULL)
  INTO free, again, again_on, again_of FROM (
    SELECT l.id, tried.position AS again, tried.grp FROM flowdeck_lane l
    LEFT JOIN LATERAL (
      SELECT d.position, d.grp FROM flowdeck_due d
      WHERE l.claims > 0 AND d.processor = name AND d.position = l.tried AND d.grp IS NOT NULL
        AND d.state IN ('pending', 'retrying', 'sleeping') AND (d.due_at IS NULL OR d.due_at <= moment)
        AND NOT EXISTS (
          SELECT 1 FROM flowdeck_due o
          WHERE o.processor = name AND o.key = d.key AND o.position < d.position AND o.grp IS NOT NULL
            AND o.state IN ('pending', 'retrying', 'sleeping', 'dead')
            AND (parks OR o.state <> 'dead'))) AS tried ON true
    WHERE l.processor = name AND (l.lease_expires_at IS NULL OR l.lease_expires_at < moment)
      AND NOT (l.id = ANY(leave_out))
    ORDER BY l.claimed_at NULLS FIRST, l.id FOR UPDATE OF l SKIP LOCKED) AS f;
  IF groups IS NULL OR (free IS NULL AND again IS NULL) THEN RETURN; END IF;
  FOREACH this IN ARRAY groups LOOP
    CONTINUE WHEN at_once <= (
      SELECT count(*) FROM flowdeck_lane l
      WHERE l.processor = name AND l.token IS NOT NULL AND l.lease_expires_at > moment AND l.grp = this);
    starts := moment;
    IF every IS NOT NULL THEN
      starts := greatest((
        SELECT g.next_at FROM flowdeck_flowgroup g WHERE g.processor = name AND g.grp = this),
        moment - (burst - 1) * every * interval '1 second');
      IF starts > moment + ahead * interval '1 second'
        OR (starts > moment AND control.waits_until > moment) THEN
        soonest := least(soonest, starts);
        CONTINUE;
      END IF;
    END IF;
    turn := array_position(again_of, this);
    IF turn IS NOT NULL THEN
      chosen_lane := again_on[turn];
      chosen := again[turn];
      EXIT;
    END IF;
    SELECT f.id, f.position INTO chosen_lane, chosen FROM (
      SELECT l.id, w.position, w.key FROM unnest(free) AS u(id) JOIN flowdeck_lane l ON l.id = u.id
      CROSS JOIN LATERAL generate_series((l.first_slot >> 6)::int, (l.last_slot >> 6)::int) AS band
      CROSS JOIN LATERAL (
        SELECT d.position, d.key FROM flowdeck_due d
        WHERE d.processor = name AND d.grp = this AND d.state IN ('pending', 'retrying', 'sleeping')
          AND d.slot >> 6 = band AND d.slot BETWEEN l.first_slot AND l.last_slot
          AND (d.due_at IS NULL OR d.due_at <= moment)
        ORDER BY d.position LIMIT 64) AS w) AS f
    WHERE f.position = (
      SELECT min(o.position) FROM flowdeck_due o
      WHERE o.processor = name AND o.key = f.key AND o.grp IS NOT NULL
        AND o.state IN ('pending', 'retrying', 'sleeping', 'dead') AND (parks OR o.state <> 'dead'))
    LIMIT 1;
    EXIT WHEN chosen IS NOT NULL;
  END LOOP;
  IF chosen IS NULL THEN
    UPDATE flowdeck_flowcontrol SET not_before = soonest - ahead * interval '1 second'
    WHERE processor = name AND soonest > moment;
    RETURN;
  END IF;
  UPDATE flowdeck_flowcontrol SET not_before = NULL, waits_until = starts, visited = this
  WHERE processor = name;
  IF every IS NOT NULL THEN
    INSERT INTO flowdeck_flowgroup (processor, grp, next_at)
    VALUES (name, this, starts + every * interval '1 second')
    ON CONFLICT (processor, grp) DO UPDATE SET next_at = excluded.next_at;
  END IF;
  RETURN QUERY
  UPDATE flowdeck_lane l SET claims = l.claims + 1, worker = who, claimed_at = moment,
    token = lease_token, grp = this, tried = chosen,
    lease_expires_at = greatest(starts, moment) + lease_seconds * interval '1 second'
  WHERE l.id = chosen_lane
  RETURNING l.id, l.first_slot, l.last_slot, l.claims, l.suspect, l.lowered,
    coalesce((SELECT s.position FROM flowdeck_settled s), 0),
    greatest(0, extract(epoch FROM starts - moment))::float8, chosen;
END $$;
