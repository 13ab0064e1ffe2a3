"""The timeline's page."""
