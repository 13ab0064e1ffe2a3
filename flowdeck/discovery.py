"""Finding what apps declare in their modules of certain names, as Django does.

Other apps have modules of these names too (context processors, for one), and importing a stranger's
module may do anything. So a module is imported if it, or one of its package, imports ``flowdeck``;
``FLOWDECK["DISCOVER"]`` names the apps instead where that can't be seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured

from flowdeck.conf import conf

_MODULES = ("domain_events", "events", "processors", "connectors")
_MARK = re.compile(r"^\s*(?:from|import)\s+flowdeck\b", re.MULTILINE)


def discover() -> None:
    """Import the modules of all apps. Raises what they raise, and ImproperlyConfigured."""
    named = conf().DISCOVER
    if named is not None:
        _demand_apps(named)
    for name in _MODULES:
        for app in apps.get_app_configs():
            if named is not None and app.name not in named:
                continue
            spec = find_spec(f"{app.name}.{name}") if hasattr(app.module, "__path__") else None
            if spec is not None and (named is not None or belongs(spec)):
                import_module(spec.name)


def belongs(spec: ModuleSpec) -> bool:
    """Whether the module, or one of its package, imports ``flowdeck``; imports nothing itself."""
    return any(_MARK.search(source) for source in _sources(spec))


def _sources(spec: ModuleSpec) -> Iterator[str]:
    get_source = getattr(spec.loader, "get_source", None)
    if get_source is not None and (source := get_source(spec.name)):
        yield source
    for folder in spec.submodule_search_locations or ():
        for file in sorted(Path(folder).rglob("*.py")):
            yield file.read_text(encoding="utf-8", errors="replace")


def _demand_apps(named: tuple[str, ...]) -> None:
    known = {app.name for app in apps.get_app_configs()}
    if unknown := sorted(set(named) - known):
        raise ImproperlyConfigured(
            f"FLOWDECK['DISCOVER'] names {unknown[0]!r}, which is no installed app; it takes their "
            "full names, such as 'mysite.library'."
        )
