"""Stands for opensearch-py, which imports ``Events`` from ``events``."""

from events import Events


class Index(Events):
    """Whatever."""
