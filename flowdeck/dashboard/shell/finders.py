"""Finders: what apps register for the search, and asking all of them.

The engine finds events, traces, streams, types and processors (``log_finders.py``). An app adds
what its own numbers mean::

    finders.register("Parcels", 5, find_parcels)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

LONGEST_QUERY = 200
MOST = 8
"""Hits shown of a group."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing found. ``certain``: the query names this and can mean nothing else."""

    title: str
    url: str
    note: str = ""
    icon: str = "log"
    certain: bool = False


Finder = Callable[[Any, str], Iterable[Hit]]


@dataclass(frozen=True, slots=True)
class Group:
    """The hits of one finder; ``more`` says that there are further ones."""

    name: str
    hits: list[Hit]
    more: bool


@dataclass(frozen=True, slots=True)
class Found:
    """All groups that have hits."""

    query: str
    groups: list[Group]

    @property
    def only(self) -> Hit | None:
        """Where the query leads without a question: the one certain hit, or the only one."""
        hits = [hit for group in self.groups for hit in group.hits]
        certain = [hit for hit in hits if hit.certain]
        if len(certain) == 1:
            return certain[0]
        return hits[0] if len(hits) == 1 else None


_finders: dict[str, tuple[int, Finder]] = {}


def register(name: str, order: int, finder: Finder) -> None:
    """Let ``finder(user, query)`` answer searches, its hits under the heading ``name``.

    The query is stripped, not empty, at most ``LONGEST_QUERY`` characters, and untrusted. A finder
    only makes look-ups that an index answers, and shows nothing that ``user`` may not see.
    Registering a name again replaces its finder.
    """
    _finders[name] = (order, finder)


def find(user: Any, query: str) -> Found:
    """Ask all finders; nothing is found for an empty query or one with control characters."""
    asked = query.strip()[:LONGEST_QUERY]
    if not asked or not asked.isprintable():
        return Found(asked, [])
    groups = []
    for name, (_, finder) in sorted(_finders.items(), key=lambda item: (item[1][0], item[0])):
        hits = list(finder(user, asked))
        if hits:
            groups.append(Group(name, hits[:MOST], len(hits) > MOST))
    return Found(asked, groups)
