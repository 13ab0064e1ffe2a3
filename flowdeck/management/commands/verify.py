"""``manage.py verify``: short for ``manage.py flowdeck verify``."""

from flowdeck.management.verbs.verify import Command

__all__ = ["Command"]
