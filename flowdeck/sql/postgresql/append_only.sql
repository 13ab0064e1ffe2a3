-- What may never be changed or deleted: events, archives, tombstones, the audit. An event may be
-- deleted if a tombstone of its stream covers it.
CREATE OR REPLACE FUNCTION flowdeck_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'events are immutable: publish a new event that corrects the old one' USING ERRCODE = 'restrict_violation';
END $$;

CREATE OR REPLACE FUNCTION flowdeck_refuse_unarchived() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM flowdeck_archivedstream t
             WHERE t.stream = OLD.stream AND t.upto >= OLD.sequence) THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION 'events are immutable: publish a new event that corrects the old one' USING ERRCODE = 'restrict_violation';
END $$;

CREATE OR REPLACE FUNCTION flowdeck_refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the audit is immutable' USING ERRCODE = 'restrict_violation';
END $$;

CREATE OR REPLACE TRIGGER event_no_update BEFORE UPDATE ON flowdeck_event
  FOR EACH STATEMENT EXECUTE FUNCTION flowdeck_refuse_change();
CREATE OR REPLACE TRIGGER event_no_delete BEFORE DELETE ON flowdeck_event
  FOR EACH ROW EXECUTE FUNCTION flowdeck_refuse_unarchived();
CREATE OR REPLACE TRIGGER flowdeck_event_no_truncate BEFORE TRUNCATE ON flowdeck_event
  FOR EACH STATEMENT EXECUTE FUNCTION flowdeck_refuse_change();

CREATE OR REPLACE TRIGGER archive_append_only BEFORE UPDATE OR DELETE ON flowdeck_archive
  FOR EACH STATEMENT EXECUTE FUNCTION flowdeck_refuse_change();
CREATE OR REPLACE TRIGGER flowdeck_archive_no_truncate BEFORE TRUNCATE ON flowdeck_archive
  FOR EACH STATEMENT EXECUTE FUNCTION flowdeck_refuse_change();

CREATE OR REPLACE TRIGGER tombstone_append_only BEFORE UPDATE OR DELETE ON flowdeck_archivedstream
  FOR EACH STATEMENT EXECUTE FUNCTION flowdeck_refuse_change();
CREATE OR REPLACE TRIGGER flowdeck_archivedstream_no_truncate BEFORE TRUNCATE ON flowdeck_archivedstream
  FOR EACH STATEMENT EXECUTE FUNCTION flowdeck_refuse_change();

CREATE OR REPLACE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON flowdeck_auditentry
  FOR EACH STATEMENT EXECUTE FUNCTION flowdeck_refuse_audit_change();
CREATE OR REPLACE TRIGGER flowdeck_auditentry_no_truncate BEFORE TRUNCATE ON flowdeck_auditentry
  FOR EACH STATEMENT EXECUTE FUNCTION flowdeck_refuse_audit_change();
