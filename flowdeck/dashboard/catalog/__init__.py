"""The catalog of event types."""
