-- Insert events behind their streams, and a pending delivery for each subscription.
--
-- Heads are advanced in order of name, so that two appends can't deadlock. The head of a stream that is
-- named as the key of an event of another stream is advanced by nothing, which locks it: so positions
-- follow commits for each key, and whoever goes by position sees what was handled in that order. An event says how many
-- events of its stream come up to it in this append; where that is in the stream the head tells.
-- When an event is recorded is read from this clock once all heads are locked, so times run as the
-- positions do, whatever the clocks of publishers say.
-- Who gets them is what the caller's code says, and of processors that it does not know to hear the type
-- what workers have said of these: so code of two ages appends for both.
-- One argument each is JSON: psycopg builds arrays slower than orjson writes the same as JSON.
DROP FUNCTION IF EXISTS flowdeck_append(json, json, json);  -- what it returns can't be replaced
CREATE OR REPLACE FUNCTION flowdeck_append(rows json, heads json, fan_out json)
RETURNS TABLE (event uuid, at bigint, number bigint, recorded float8) LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET jit = off AS $$
BEGIN
  RETURN QUERY
  WITH head AS (
    INSERT INTO flowdeck_stream AS s (name, head)
    SELECT t.name, t.n FROM ROWS FROM (json_to_recordset(heads) AS (name text, n bigint))
      WITH ORDINALITY AS t(name, n, place)
    ORDER BY t.place
    ON CONFLICT (name) DO UPDATE SET head = s.head + excluded.head
    RETURNING s.name, s.head
  ), row AS (
    SELECT t.*, head.head - t.behind AS sequence
    FROM ROWS FROM (json_to_recordset(rows) AS (
      id uuid, stream text, behind bigint, type text, version smallint, data jsonb,
      metadata jsonb, key text, slot smallint, correlation_id uuid, causation_id uuid,
      producer text, occurred_at timestamptz)) WITH ORDINALITY
      AS t(id, stream, behind, type, version, data, metadata, key, slot, correlation_id,
        causation_id, producer, occurred_at, place)
    JOIN head ON head.name = t.stream
  ), appended AS (
    INSERT INTO flowdeck_event (id, stream, sequence, type, version, data, metadata, key,
      correlation_id, causation_id, producer, occurred_at, recorded_at)
    SELECT r.id, r.stream, r.sequence, r.type, r.version, r.data, r.metadata, r.key,
      r.correlation_id, r.causation_id, r.producer, coalesce(r.occurred_at, r.now), r.now
    FROM (SELECT row.*, clock_timestamp() AS now FROM row ORDER BY place) AS r
    RETURNING position, id, sequence, recorded_at
  ), to_whom AS (
    SELECT t.* FROM json_to_recordset(fan_out) AS t(type text, processor text, prefix text, by text,
      gathered float8)
    UNION ALL
    SELECT s.type, s.processor, s.streams, nullif(s.grouped_by, ''), s.gathered
    FROM flowdeck_subscription AS s
    WHERE s.type IN (SELECT row.type FROM row) AND NOT EXISTS (
      SELECT 1 FROM json_to_recordset(fan_out) AS t(type text, processor text)
      WHERE t.type = s.type AND t.processor = s.processor)
  ), delivered AS (
    INSERT INTO flowdeck_due (position, processor, key, slot, grp, state, due_at)
    SELECT a.position, to_whom.processor, r.key, r.slot,
      CASE WHEN to_whom.by IS NOT NULL THEN left(coalesce(nullif(r.data ->> to_whom.by, ''), '(none)'), 200) END,
      CASE WHEN to_whom.gathered IS NULL THEN 'pending' ELSE 'sleeping' END,
      a.recorded_at + to_whom.gathered * interval '1 second'
    FROM appended AS a JOIN row AS r ON r.id = a.id
    JOIN to_whom ON to_whom.type = r.type AND starts_with(r.stream, to_whom.prefix)
    RETURNING position
  ), told AS (
    INSERT INTO flowdeck_tally (told)
    SELECT json_build_object('appended', json_agg(json_build_array(n.position, n.came)))
    FROM (SELECT a.position, count(d.position) AS came
      FROM appended AS a LEFT JOIN delivered AS d USING (position) GROUP BY 1) AS n
  )
  SELECT a.id, a.position, a.sequence, extract(epoch FROM a.recorded_at)::float8
  FROM appended AS a;
END $$;
