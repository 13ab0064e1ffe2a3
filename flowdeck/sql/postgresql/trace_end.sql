-- Pages show the last seven digits of a trace's id, and whoever reads them there searches for them.
-- One entry a trace, by its first event.
CREATE INDEX IF NOT EXISTS flowdeck_event_trace_end ON flowdeck_event
  ("right"(correlation_id::text, 7)) WHERE causation_id IS NULL;
