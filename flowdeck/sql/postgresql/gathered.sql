-- Due deliveries of keys that have been gathered, all of each key up to ``fill``, on ranges of slots.
--
-- A delivery that nobody has tried sleeps for the quiet time of its key. A key is ready once all of
-- them have, or its first one has slept ``beyond`` longer, or there are ``fill`` of them, or one of
-- them was tried before and is due again. It is taken whole: of those that are ready the ones with
-- the oldest deliveries, as many as ``most`` deliveries are, but always one.
-- What is held back is an object of key and position, as in flowdeck_pick. The rest is windows over
-- what waits on these lanes, and no join, which the planner would take for one of two rows.
CREATE OR REPLACE FUNCTION flowdeck_pick_gathered(name text, first int[], last int[], parks bool,
  beyond float8, fill int, most int)
RETURNS TABLE (attempts smallint, due_position bigint)
LANGUAGE plpgsql ROWS 50
SET enable_bitmapscan = off SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan SET jit = off
AS $$
DECLARE held jsonb; moment timestamptz := statement_timestamp();
BEGIN
  SELECT jsonb_object_agg(o.key, o.position ORDER BY -o.position) INTO held
  FROM unnest(first, last) AS r(first_slot, last_slot)
  CROSS JOIN LATERAL (
    SELECT h.key, h.position FROM flowdeck_due h
    WHERE h.processor = name AND h.slot BETWEEN r.first_slot AND r.last_slot
      AND h.state IN ('retrying', 'sleeping', 'dead')
      AND CASE h.state WHEN 'dead' THEN parks
        ELSE h.due_at > moment AND h.started_at IS NOT NULL END OFFSET 0) AS o;
  RETURN QUERY
  WITH waiting AS (
    SELECT d.attempts, d.position, row_number() OVER of_key AS nth,
      min(d.position) OVER whole_key AS first_one,
      count(*) OVER whole_key >= fill OR bool_or(d.tried) OVER whole_key
        OR max(d.due_at) OVER whole_key <= moment
        OR min(d.due_at) OVER whole_key + beyond * interval '1 second' <= moment AS ready
    FROM unnest(first, last) AS r(first_slot, last_slot)
    CROSS JOIN generate_series(r.first_slot >> 6, r.last_slot >> 6) AS band
    CROSS JOIN LATERAL (
      SELECT w.attempts, w.position, w.key, w.due_at,
        w.state <> 'sleeping' OR w.started_at IS NOT NULL AS tried
      FROM flowdeck_due w
      WHERE w.processor = name AND w.state IN ('pending', 'retrying', 'sleeping')
        AND w.slot >> 6 = band AND w.slot BETWEEN r.first_slot AND r.last_slot
        AND coalesce(w.position < (held ->> w.key)::bigint, true) OFFSET 0) AS d
    WINDOW whole_key AS (PARTITION BY d.key), of_key AS (PARTITION BY d.key ORDER BY d.position)
  ), counted AS (
    SELECT w.*, row_number() OVER (ORDER BY w.first_one, w.position) AS number
    FROM waiting AS w WHERE w.ready AND w.nth <= fill
  ), chosen AS (
    SELECT c.*, max(c.number) OVER (PARTITION BY c.first_one) <= most
      OR c.first_one = min(c.first_one) OVER () AS fits
    FROM counted AS c
  )
  SELECT c.attempts, c.position FROM chosen AS c WHERE c.fits;
END $$;
