"""``manage.py schemas``: short for ``manage.py flowdeck schemas``."""

from flowdeck.management.verbs.schemas import Command

__all__ = ["Command"]
