"""``manage.py check``: declarations that can't work, and what is missing around them."""

from flowdeck.checks import database, project

__all__ = ["database", "project"]
