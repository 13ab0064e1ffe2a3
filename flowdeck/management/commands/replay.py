"""``manage.py replay``: short for ``manage.py flowdeck replay``."""

from flowdeck.management.verbs.replay import Command

__all__ = ["Command"]
