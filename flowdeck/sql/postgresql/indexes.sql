-- What is due, held back and dead, among millions that are done.
CREATE INDEX IF NOT EXISTS flowdeck_delivery_due ON flowdeck_delivery
  (processor, (slot >> 6), position) WHERE state IN ('pending', 'retrying');
CREATE INDEX IF NOT EXISTS flowdeck_delivery_held ON flowdeck_delivery
  (processor, slot) WHERE state IN ('retrying', 'dead');
CREATE INDEX IF NOT EXISTS flowdeck_delivery_dead ON flowdeck_delivery (id) WHERE state = 'dead';
-- A handful of rows of millions, newest first: the log's filter by state, and the lanes' trouble.
CREATE INDEX IF NOT EXISTS flowdeck_delivery_open ON flowdeck_delivery
  (state, position) WHERE state IN ('retrying', 'dead', 'discarded');

-- Django adds a second index for LIKE to each text key; nothing looks streams up like that.
DO $$ DECLARE name text; BEGIN
  FOR name IN SELECT indexname FROM pg_indexes
    WHERE schemaname = current_schema() AND tablename = 'flowdeck_stream' AND indexname ~ '_like$'
  LOOP EXECUTE 'DROP INDEX ' || quote_ident(name); END LOOP;
END $$;

-- Each delivery is updated once soon after its insert; the default would let millions of dead rows
-- gather before the first vacuum.
ALTER TABLE flowdeck_delivery
  SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
