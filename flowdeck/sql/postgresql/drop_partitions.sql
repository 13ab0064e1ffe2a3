-- Drop the partitions of `done` that have no position above this one, and say which.
--
-- A drop needs the table to itself for a moment. Whoever reads it for long (pg_dump) is not waited
-- for, since all others would wait behind: then it fails, and is tried again in a minute.
-- Workers need no right to drop tables: it is done as whoever ran the migrations.
CREATE OR REPLACE FUNCTION flowdeck_drop_partitions(upto bigint, size bigint)
RETURNS SETOF text LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT SET lock_timeout = '200ms'
AS $$
DECLARE part text;
BEGIN
  FOR part IN SELECT i.inhrelid::regclass::text FROM pg_inherits i
    JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'flowdeck_done'::regclass
      AND (substring(c.relname FROM '[0-9]+$')::bigint + 1) * size - 1 <= upto
  LOOP
    EXECUTE 'DROP TABLE ' || part;
    RETURN NEXT part;
  END LOOP;
END $$;
