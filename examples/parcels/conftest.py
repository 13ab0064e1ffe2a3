"""The fixture ``flow``."""

pytest_plugins = ["flowdeck.testing.plugin"]
