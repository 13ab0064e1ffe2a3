"""The flow map's page."""
