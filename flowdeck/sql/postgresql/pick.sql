-- Due deliveries of ranges of slots, in order of position within each, without held-back keys.
--
-- Lanes are walked one after the other until there is enough, in another order each time: where many
-- keys are held back, each further lane would mean passing by all that is parked on it.
-- Keys that are held back go into an object, key and position of the first that holds: looking a key
-- up in it is three times as fast as in a hash table of the planner's. (Of two values the last one
-- stays; sorting by the negative keeps the planner from walking all deliveries in order.)
-- Rows are read from the lane's floor on (:mod:`flowdeck.letters.floors`). Where none is given it is the
-- one of the table, read with what holds back: whoever lowers a floor changes both at once, and a
-- floor that is older would let a later delivery of a key pass by an earlier one.
-- ``floor`` is up to where there is nothing left once these are done: the first one of the lane, or the
-- first that waits for its time. What waits for a person does not count: who acts lowers the floor.
-- ROWS is small so that events are looked up one by one and not read from end to end.
DROP FUNCTION IF EXISTS flowdeck_pick(text, int[], int[], bool, int);
CREATE OR REPLACE FUNCTION flowdeck_pick(name text, lanes bigint[], first int[], last int[],
  floors bigint[], parks bool, most int)
RETURNS TABLE (attempts smallint, due_position bigint, lane bigint, floor bigint)
LANGUAGE plpgsql ROWS 50
SET enable_bitmapscan = off SET enable_sort = off SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan SET jit = off
AS $$
DECLARE this bigint; first_slot int; last_slot int; low bigint; held jsonb; waits bigint; found int;
BEGIN
  FOR this, first_slot, last_slot, low IN
    SELECT * FROM unnest(lanes, first, last, floors) ORDER BY random()
  LOOP
    SELECT jsonb_object_agg(o.key, o.position ORDER BY -o.position),
      min(o.position) FILTER (WHERE o.state <> 'dead'),
      coalesce(low, (SELECT l.floor FROM flowdeck_lane l WHERE l.id = this))
    INTO held, waits, low
    FROM flowdeck_due o
    WHERE o.slot BETWEEN first_slot AND last_slot
      AND o.processor = name AND o.state IN ('retrying', 'sleeping', 'dead')
      AND ((parks AND o.state = 'dead') OR o.due_at > statement_timestamp());
    RETURN QUERY
    SELECT d.attempts, d.position, this, least(d.position, waits)
    FROM generate_series(first_slot >> 6, last_slot >> 6) AS band
    CROSS JOIN LATERAL (
      SELECT w.attempts, w.position FROM flowdeck_due w
      WHERE w.processor = name AND w.state IN ('pending', 'retrying', 'sleeping')
        AND w.slot >> 6 = band AND w.slot BETWEEN first_slot AND last_slot
        AND w.position >= low
        AND (w.due_at IS NULL OR w.due_at <= statement_timestamp())
        AND coalesce(w.position < (held ->> w.key)::bigint, true)
      ORDER BY w.position LIMIT most
    ) AS d
    ORDER BY d.position LIMIT most;
    GET DIAGNOSTICS found = ROW_COUNT;
    most := most - found;
    EXIT WHEN most <= 0;
  END LOOP;
END $$;
