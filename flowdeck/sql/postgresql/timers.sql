-- Timers: what is to be appended later, and moving it into the log.

-- Cancel some, then set some. Heads are locked in the order they are given in, that of their names,
-- like those of an append: so nobody else sets the same name until the end of the transaction, and
-- whoever moves timers finds the heads of all of them, and can tell which are under change.
CREATE OR REPLACE FUNCTION flowdeck_put_timers(timers json, cancelled json, heads json)
RETURNS void LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET jit = off AS $$
DECLARE moment timestamptz;
BEGIN
  INSERT INTO flowdeck_stream AS s (name, head)
  SELECT h.name, 0 FROM ROWS FROM (json_to_recordset(heads) AS (name text, needed bool))
    WITH ORDINALITY AS h(name, needed, place)
  WHERE h.needed OR EXISTS (SELECT 1 FROM flowdeck_stream o WHERE o.name = h.name)
  ORDER BY h.place
  ON CONFLICT (name) DO UPDATE SET head = s.head;
  moment := clock_timestamp();
  UPDATE flowdeck_timer t SET ended_at = moment, ended_as = 'cancelled', ended_by = c.by
  FROM json_to_recordset(cancelled) AS c(stream text, name text, by text)
  WHERE t.scope = c.stream AND t.name = c.name AND t.ended_at IS NULL;
  INSERT INTO flowdeck_timer AS t (scope, name, due_at, event_id, stream, type, version, data,
    metadata, key, slot, correlation_id, causation_id, producer, set_at, stale_at, replaced, ended_as,
    ended_by, error)
  SELECT r.scope, r.name, greatest(coalesce(r.at, moment + r.seconds * interval '1 second'), moment),
    r.id, r.stream, r.type, r.version, r.data, r.metadata, r.key, r.slot, r.correlation_id,
    r.causation_id, r.producer, moment, r.stale_at, 0, '', '', ''
  FROM json_to_recordset(timers) AS r(scope text, name text, at timestamptz,
    stale_at timestamptz, seconds float8, "replace" bool, id uuid, stream text, type text,
    version smallint, data jsonb, metadata jsonb, key text, slot smallint, correlation_id uuid,
    causation_id uuid, producer text)
  WHERE r.replace OR NOT EXISTS (
    SELECT 1 FROM flowdeck_timer o
    WHERE o.scope = r.scope AND o.name = r.name AND o.ended_at IS NULL)
  ORDER BY r.scope, r.name
  ON CONFLICT (scope, name) WHERE ended_at IS NULL DO UPDATE SET due_at = excluded.due_at,
    event_id = excluded.event_id, stream = excluded.stream, type = excluded.type,
    version = excluded.version, data = excluded.data, metadata = excluded.metadata,
    key = excluded.key, slot = excluded.slot, correlation_id = excluded.correlation_id,
    causation_id = excluded.causation_id, producer = excluded.producer, set_at = excluded.set_at,
    stale_at = excluded.stale_at, replaced = t.replaced + 1;
END $$;

-- Append the events of timers whose heads are locked, by due time, and take the timers away.
CREATE OR REPLACE FUNCTION flowdeck_move_timers(chosen bigint[], fan_out json)
RETURNS jsonb LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET jit = off AS $$
DECLARE events json; heads json; moved jsonb;
BEGIN
  WITH gone AS (
    DELETE FROM flowdeck_timer WHERE id = ANY(chosen) RETURNING *
  ), placed AS (
    SELECT gone.*, count(*) OVER (PARTITION BY stream)
      - row_number() OVER (PARTITION BY stream ORDER BY due_at, id) AS behind FROM gone
  )
  SELECT json_agg(json_build_object('id', event_id, 'stream', stream, 'behind', behind, 'type', type,
      'version', version, 'data', data, 'metadata', metadata || jsonb_build_object('timer',
        jsonb_build_object('name', name, 'set_at', set_at, 'due_at', due_at, 'replaced', replaced)),
      'key', key, 'slot', slot, 'correlation_id', correlation_id, 'causation_id', causation_id,
      'producer', producer, 'occurred_at', due_at) ORDER BY due_at, id)
  INTO events FROM placed;
  SELECT json_agg(json_build_object('name', h.name, 'n', h.n) ORDER BY h.name COLLATE "C") INTO heads
  FROM (
    SELECT name, sum(n) AS n FROM (
      SELECT r.stream AS name, 1 AS n FROM json_to_recordset(events) AS r(stream text)
      UNION ALL SELECT r.key, 0 FROM json_to_recordset(events) AS r(key text)) AS named
    GROUP BY name) AS h;
  SELECT jsonb_agg(jsonb_build_array(a.at, e.type, e.stream, e.correlation_id, a.recorded)
    ORDER BY a.at)
  INTO moved
  FROM flowdeck_append(events, heads, fan_out) AS a
  JOIN json_to_recordset(events) AS e(id uuid, type text, stream text, correlation_id uuid)
    ON e.id = a.event;
  SET CONSTRAINTS ALL IMMEDIATE;  -- so that what would fail at the commit fails here
  RETURN moved;
END $$;

-- Move what is due into the log, one mover at a time, waiting for nobody.
--
-- The walk by due time begins a minute ago, but for once a minute and behind what was passed by:
-- rows that were moved stay in the index as long as anybody's snapshot is that old. The time is put
-- into a variable first, as an index can't be searched for a clock that goes on.
-- What it answers has to fit the connection's buffer: a mover that is stopped before it reads the
-- answer must not hold the clock.
CREATE OR REPLACE FUNCTION flowdeck_fire(most int, known text[], fan_out json)
RETURNS jsonb LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET jit = off SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
  moment timestamptz := clock_timestamp(); ticker flowdeck_clock; since timestamptz;
  edge timestamptz; edge_id bigint := 0; left_over int := most; asked int; behind_at timestamptz;
  ids bigint[]; dues timestamptz[]; streams text[]; keys text[]; types text[]; mine text[];
  blocked text[] := '{}'; chosen bigint[]; one bigint; moved jsonb := '[]'; refused int := 0;
  next_in float8;
BEGIN
  IF NOT EXISTS (SELECT 1 FROM flowdeck_clock) THEN
    INSERT INTO flowdeck_clock (id) VALUES (1) ON CONFLICT DO NOTHING;
  END IF;
  SELECT * INTO ticker FROM flowdeck_clock FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('events', moved, 'refused', 0, 'more', false, 'next_in', NULL);
  END IF;
  since := CASE WHEN moment - ticker.walked_at BETWEEN interval '0' AND interval '1 minute'
    THEN least(ticker.behind, moment - interval '1 minute') ELSE '-infinity' END;
  edge := since;
  WHILE ticker.held_at IS NULL AND left_over > 0 LOOP
    asked := left_over;
    SELECT array_agg(t.id), array_agg(t.due_at), array_agg(t.stream), array_agg(t.key),
      array_agg(t.type)
    INTO ids, dues, streams, keys, types FROM (
      SELECT id, due_at, stream, key, type FROM flowdeck_timer
      WHERE ended_at IS NULL AND due_at <= moment AND (due_at, id) > (edge, edge_id)
        AND stream <> ALL(blocked) AND (stale_at IS NULL OR stale_at > moment)
      ORDER BY due_at, id LIMIT asked FOR UPDATE SKIP LOCKED) AS t;
    EXIT WHEN ids IS NULL;
    SELECT array_agg(h.name) INTO mine FROM (
      SELECT s.name FROM flowdeck_stream s
      WHERE s.name = ANY(ARRAY(SELECT DISTINCT unnest(streams || keys)))
      ORDER BY s.name FOR UPDATE SKIP LOCKED) AS h;
    SELECT blocked || coalesce(array_agg(DISTINCT d.stream), '{}') INTO blocked
    FROM unnest(streams, keys, types) AS d(stream, key, type)
    WHERE NOT (d.stream = ANY(coalesce(mine, '{}')) AND d.key = ANY(coalesce(mine, '{}'))
      AND d.type = ANY(known));
    SELECT least(behind_at, min(d.due_at)) INTO behind_at
    FROM unnest(dues, streams) AS d(due_at, stream) WHERE d.stream = ANY(blocked);
    SELECT array_agg(d.id ORDER BY d.due_at, d.id) INTO chosen
    FROM unnest(ids, dues, streams) AS d(id, due_at, stream) WHERE d.stream <> ALL(blocked);
    IF chosen IS NOT NULL THEN
      BEGIN
        moved := moved || flowdeck_move_timers(chosen, fan_out);
      EXCEPTION WHEN others THEN
        IF SQLSTATE ~ '^(08|25|40|53|55|57)' THEN RAISE; END IF;
        FOREACH one IN ARRAY chosen LOOP  -- whose fault is it?
          BEGIN
            moved := moved || flowdeck_move_timers(ARRAY[one], fan_out);
          EXCEPTION WHEN others THEN
            IF SQLSTATE ~ '^(08|25|40|53|55|57)' THEN RAISE; END IF;
            UPDATE flowdeck_timer SET ended_at = moment, ended_as = 'refused', error = left(SQLERRM, 500)
            WHERE id = one;
            refused := refused + 1;
          END;
        END LOOP;
      END;
      left_over := left_over - cardinality(chosen);
    END IF;
    EXIT WHEN cardinality(ids) < asked;
    edge := dues[cardinality(dues)];
    edge_id := ids[cardinality(ids)];
    IF left_over <= 0 THEN behind_at := least(behind_at, edge); END IF;
  END LOOP;
  IF ticker.held_at IS NOT NULL THEN
    behind_at := ticker.behind;
    since := NULL;
  END IF;
  IF ticker.ticked_at IS NULL OR moment - ticker.ticked_at NOT BETWEEN interval '0' AND interval '10 s'
    OR since = '-infinity' OR ticker.behind IS DISTINCT FROM behind_at THEN
    UPDATE flowdeck_clock SET ticked_at = moment, behind = behind_at,
      walked_at = CASE WHEN since = '-infinity' THEN moment ELSE walked_at END,
      leapt_at = CASE WHEN abs(extract(epoch FROM moment - ticked_at)) > 60 THEN moment
        ELSE leapt_at END,
      leapt_by = CASE WHEN abs(extract(epoch FROM moment - ticked_at)) > 60
        THEN extract(epoch FROM moment - ticked_at)::float8 ELSE leapt_by END;
  END IF;
  IF ticker.held_at IS NULL THEN
    SELECT extract(epoch FROM due_at - clock_timestamp())::float8 INTO next_in FROM flowdeck_timer
    WHERE ended_at IS NULL AND due_at > moment ORDER BY due_at, id LIMIT 1;
  END IF;
  RETURN jsonb_build_object('events', moved, 'refused', refused,
    'more', ticker.held_at IS NULL AND left_over <= 0, 'next_in', next_in);
END $$;

-- Rows come and go as those of what is due do.
ALTER TABLE flowdeck_timer SET (autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
