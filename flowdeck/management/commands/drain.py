"""``manage.py drain``: short for ``manage.py flowdeck drain``."""

from flowdeck.management.verbs.drain import Command

__all__ = ["Command"]
