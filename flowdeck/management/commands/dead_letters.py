"""``manage.py dead_letters``: short for ``manage.py flowdeck dead_letters``."""

from flowdeck.management.verbs.dead_letters import Command

__all__ = ["Command"]
