-- Which of the processors have due work, are not paused, and may start something by now.
--
-- It is looked for from the lowest floor of their lanes on (the index has the position, so what is
-- below costs no look at its row). A wrong floor is found by flowdeck/letters/floors.py.
CREATE OR REPLACE FUNCTION flowdeck_due_processors(names text[])
RETURNS SETOF text LANGUAGE plpgsql
SET enable_bitmapscan = off SET enable_sort = off SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan SET jit = off
AS $$
BEGIN
  RETURN QUERY
  SELECT asked.name FROM unnest(names) AS asked(name)
  WHERE (
      SELECT true FROM flowdeck_due d
      WHERE d.processor = asked.name AND d.state IN ('pending', 'retrying', 'sleeping')
        AND d.position >= coalesce(
          (SELECT min(l.floor) FROM flowdeck_lane l WHERE l.processor = asked.name), 0)
        AND (d.due_at IS NULL OR d.due_at <= statement_timestamp())
      LIMIT 1)
    AND NOT EXISTS (
      SELECT 1 FROM flowdeck_processorstate p
      WHERE p.name = asked.name AND p.paused_at IS NOT NULL)
    AND NOT EXISTS (
      SELECT 1 FROM flowdeck_flowcontrol f
      WHERE f.processor = asked.name
        AND greatest(f.not_before, f.open_until) > statement_timestamp());
END $$;
