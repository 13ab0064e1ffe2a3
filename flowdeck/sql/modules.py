"""Finding the module of the database at hand."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from types import ModuleType

from django.core.exceptions import ImproperlyConfigured


@cache
def module_of(name: str) -> ModuleType:
    """``flowdeck.sql.<name>``. Raises ImproperlyConfigured if it is of another database."""
    if name.partition(".")[0] not in ("postgresql", "sqlite"):
        raise ImproperlyConfigured(f"flowdeck runs on PostgreSQL and SQLite, not on {name}.")
    return import_module(f"flowdeck.sql.{name}")
