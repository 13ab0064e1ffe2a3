"""Concerts: an app whose label is ``events``."""
