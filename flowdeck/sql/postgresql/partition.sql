-- Make the partitions of `done` that these positions belong to, and say which were made.
--
-- A table is made first and attached then: that passes beside readers, pg_dump's locks included,
-- where CREATE .. PARTITION OF would wait, and all others behind it. Whatever has to be waited for,
-- it is not for long: partitions are made long before they are needed.
-- Workers need no right to make tables: it is done as whoever ran the migrations.
CREATE OR REPLACE FUNCTION flowdeck_partition(positions bigint[], size bigint)
RETURNS SETOF text LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT SET lock_timeout = '200ms'
AS $$
DECLARE number bigint; home text; part text;
BEGIN
  SELECT c.relnamespace::regnamespace::text INTO home FROM pg_class c
  WHERE c.oid = 'flowdeck_done'::regclass;
  FOR number IN SELECT DISTINCT p / size FROM unnest(positions) AS p ORDER BY 1 LOOP
    part := home || '.flowdeck_done_' || number;
    CONTINUE WHEN EXISTS (SELECT 1 FROM pg_inherits
      WHERE inhparent = 'flowdeck_done'::regclass AND inhrelid = to_regclass(part));
    LOCK TABLE flowdeck_done IN SHARE UPDATE EXCLUSIVE MODE;  -- one maker at a time
    CONTINUE WHEN EXISTS (SELECT 1 FROM pg_inherits
      WHERE inhparent = 'flowdeck_done'::regclass AND inhrelid = to_regclass(part));
    -- Rows are frozen once, early: they do not change any more.
    EXECUTE 'CREATE TABLE ' || part || ' (LIKE flowdeck_done INCLUDING ALL) WITH ('
      'autovacuum_vacuum_insert_threshold = 1000000, autovacuum_vacuum_insert_scale_factor = 0, '
      'autovacuum_freeze_min_age = 0)';
    EXECUTE format('ALTER TABLE flowdeck_done ATTACH PARTITION %s FOR VALUES FROM (%s) TO (%s)',
      part, number * size, (number + 1) * size);
    RETURN NEXT part;
  END LOOP;
END $$;
