-- The first due delivery of each of up to ``most`` keys on lanes that are leased by these tokens, for
-- work on many keys at once: neither of keys that are held back nor of those that are busy. None while
-- somebody has paused the processor.
--
-- As in flowdeck_pick lanes are walked in another order each time, from their floors on, and what is
-- held back is an object of key and position. A key that is busy is held back from its first one on;
-- one that is chosen is busy from then on, so the walk ends as soon as there are enough keys.
CREATE OR REPLACE FUNCTION flowdeck_pick_first(name text, lanes bigint[], tokens uuid[], busy text[],
  parks bool, most int)
RETURNS TABLE (attempts smallint, due_position bigint)
LANGUAGE plpgsql ROWS 50
SET enable_bitmapscan = off SET enable_sort = off SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan SET jit = off
AS $$
DECLARE first_slot int; last_slot int; held jsonb; taken jsonb; low bigint; band int; one record;
BEGIN
  IF EXISTS (
    SELECT 1 FROM flowdeck_processorstate p WHERE p.name = $1 AND p.paused_at IS NOT NULL) THEN
    RETURN;
  END IF;
  SELECT coalesce(jsonb_object_agg(key, 0), '{}') INTO taken FROM unnest(busy) AS key;
  FOR first_slot, last_slot, low IN
    SELECT l.first_slot, l.last_slot, l.floor FROM flowdeck_lane l
    WHERE l.id = ANY(lanes) AND l.token = ANY(tokens) AND l.lease_expires_at > clock_timestamp()
    ORDER BY random()
  LOOP
    SELECT coalesce(jsonb_object_agg(o.key, o.position ORDER BY -o.position), '{}') || taken
    INTO held
    FROM flowdeck_due o
    WHERE o.slot BETWEEN first_slot AND last_slot
      AND o.processor = name AND o.state IN ('retrying', 'sleeping', 'dead')
      AND ((parks AND o.state = 'dead') OR o.due_at > statement_timestamp());
    FOR band IN first_slot >> 6 .. last_slot >> 6 LOOP
      FOR one IN
        SELECT w.attempts, w.position, w.key FROM flowdeck_due w
        WHERE w.processor = name AND w.state IN ('pending', 'retrying', 'sleeping')
          AND w.slot >> 6 = band AND w.slot BETWEEN first_slot AND last_slot
          AND w.position >= low
          AND (w.due_at IS NULL OR w.due_at <= statement_timestamp())
          AND coalesce(w.position < (held ->> w.key)::bigint, true)
        ORDER BY w.position
      LOOP
        CONTINUE WHEN taken ? one.key;
        taken := taken || jsonb_build_object(one.key, 0);
        attempts := one.attempts;
        due_position := one.position;
        RETURN NEXT;
        most := most - 1;
        IF most <= 0 THEN RETURN; END IF;
      END LOOP;
    END LOOP;
  END LOOP;
END $$;
