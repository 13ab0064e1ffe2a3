"""The verbs of ``manage.py flowdeck``: one module each, whose ``Command`` does it."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from django.core.management.base import BaseCommand


def names() -> list[str]:
    """All verbs, by name. A module may end in ``_`` where its verb is a word of Python."""
    return sorted(module.name.rstrip("_") for module in iter_modules(__path__))


def command(verb: str) -> BaseCommand:
    """The command of a verb. Raises KeyError if there is none."""
    modules = {module.name.rstrip("_"): module.name for module in iter_modules(__path__)}
    made: BaseCommand = import_module(f"{__name__}.{modules[verb]}").Command()
    return made
