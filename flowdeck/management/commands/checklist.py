"""``manage.py checklist``: short for ``manage.py flowdeck checklist``."""

from flowdeck.management.verbs.checklist import Command

__all__ = ["Command"]
