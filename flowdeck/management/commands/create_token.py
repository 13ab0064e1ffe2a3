"""``manage.py create_token``: short for ``manage.py flowdeck create_token``."""

from flowdeck.management.verbs.create_token import Command

__all__ = ["Command"]
