"""Every address of the site, as its URLconf has them, with real things in their placeholders."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

_PLACEHOLDER = re.compile(r"<(?:\w+:)?(\w+)>")
_GROUP = re.compile(r"\(\?P(<\w+>)[^)]*\)")  # of a regular expression
_ANCHORS = re.compile(r"\^|\\Z|\$|(?<=/)\?$")


@dataclass(frozen=True, slots=True)
class Address:
    """One pattern. ``name`` is ``namespace:name``; several patterns may share one."""

    name: str
    pattern: str

    def path(self, values: Mapping[str, object]) -> str:
        """The path with values by ``name placeholder``, or by ``placeholder`` for all addresses.

        Fails for a placeholder that nothing is known for: say what to put there.
        """

        def value(found: re.Match[str]) -> str:
            own = f"{self.name} {found[1]}"
            return str(values[own] if own in values else values[found[1]])

        return "/" + _PLACEHOLDER.sub(value, self.pattern)


def addresses() -> list[Address]:
    """All of them, those of Django's admin as well."""
    return list(_below(get_resolver().url_patterns, "", ""))


def _below(patterns: list[Any], before: str, namespace: str) -> Iterator[Address]:
    for one in patterns:
        pattern = before + _GROUP.sub(r"\1", _ANCHORS.sub("", str(one.pattern)))
        if isinstance(one, URLResolver):
            yield from _below(one.url_patterns, pattern, one.namespace or namespace)
        elif isinstance(one, URLPattern):
            name = str(one.name or one.lookup_str.rpartition(".")[2])
            yield Address(f"{namespace}:{name}" if namespace else name, pattern)
