"""The event log's page."""
