-- Django adds a second index for LIKE to each text key; nothing looks streams up like that.
DO $$ DECLARE name text; BEGIN
  FOR name IN SELECT indexname FROM pg_indexes
    WHERE schemaname = current_schema() AND tablename = 'flowdeck_stream' AND indexname ~ '_like$'
  LOOP EXECUTE 'DROP INDEX ' || quote_ident(name); END LOOP;
END $$;
