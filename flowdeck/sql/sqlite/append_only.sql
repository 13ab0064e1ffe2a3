-- What may never be changed or deleted: events, archives, tombstones, the audit. An event may be
-- deleted if a tombstone of its stream covers it.
DROP TRIGGER IF EXISTS flowdeck_event_no_update;
CREATE TRIGGER flowdeck_event_no_update BEFORE UPDATE ON flowdeck_event BEGIN
  SELECT RAISE(ABORT, 'events are immutable: publish a new event that corrects the old one');
END;

DROP TRIGGER IF EXISTS flowdeck_event_no_delete;
CREATE TRIGGER flowdeck_event_no_delete BEFORE DELETE ON flowdeck_event WHEN NOT EXISTS (
  SELECT 1 FROM flowdeck_archivedstream t
  WHERE t.stream = OLD.stream AND t.upto >= OLD.sequence
) BEGIN
  SELECT RAISE(ABORT, 'events are immutable: publish a new event that corrects the old one');
END;

DROP TRIGGER IF EXISTS flowdeck_archive_no_update;
CREATE TRIGGER flowdeck_archive_no_update BEFORE UPDATE ON flowdeck_archive BEGIN
  SELECT RAISE(ABORT, 'events are immutable: publish a new event that corrects the old one');
END;

DROP TRIGGER IF EXISTS flowdeck_archive_no_delete;
CREATE TRIGGER flowdeck_archive_no_delete BEFORE DELETE ON flowdeck_archive BEGIN
  SELECT RAISE(ABORT, 'events are immutable: publish a new event that corrects the old one');
END;

DROP TRIGGER IF EXISTS flowdeck_tombstone_no_update;
CREATE TRIGGER flowdeck_tombstone_no_update BEFORE UPDATE ON flowdeck_archivedstream BEGIN
  SELECT RAISE(ABORT, 'events are immutable: publish a new event that corrects the old one');
END;

DROP TRIGGER IF EXISTS flowdeck_tombstone_no_delete;
CREATE TRIGGER flowdeck_tombstone_no_delete BEFORE DELETE ON flowdeck_archivedstream BEGIN
  SELECT RAISE(ABORT, 'events are immutable: publish a new event that corrects the old one');
END;

DROP TRIGGER IF EXISTS flowdeck_audit_no_update;
CREATE TRIGGER flowdeck_audit_no_update BEFORE UPDATE ON flowdeck_auditentry BEGIN
  SELECT RAISE(ABORT, 'the audit is immutable');
END;

DROP TRIGGER IF EXISTS flowdeck_audit_no_delete;
CREATE TRIGGER flowdeck_audit_no_delete BEFORE DELETE ON flowdeck_auditentry BEGIN
  SELECT RAISE(ABORT, 'the audit is immutable');
END;
