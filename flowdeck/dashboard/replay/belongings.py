"""The read-model rows that a stream belongs to, as the domain app finds them.

An app says where what happened in a stream shows::

    belongings.register("parcel-", lambda stream, state: [Belonging("parcels", "42", "at home")])
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flowdeck.dashboard.replay.page import newest_verdicts
from flowdeck.models import ReplayRun


@dataclass(frozen=True, slots=True)
class Belonging:
    """A row of the read model of ``projection``: ``row`` names it as differences do."""

    projection: str
    row: str
    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """A row, and what the newest verification said of it (None: there was none)."""

    belonging: Belonging
    run: ReplayRun | None

    @property
    def differs(self) -> bool:
        """Whether the run named this row."""
        if self.run is None or self.run.kind == ReplayRun.Kind.REBUILD:
            return False
        reports = self.run.result.get("models", ())
        return any(d["row"] == self.belonging.row for r in reports for d in r["differences"])


Find = Callable[[str, Mapping[str, Any]], list[Belonging]]
_find: dict[str, Find] = {}


def register(prefix: str, find: Find) -> None:
    """Let ``find(stream, state)`` name the rows of streams that begin with ``prefix``.

    ``state`` is that of the newest event. It should take a few queries, whatever the stream.
    """
    _find[prefix] = find


def belongings_of(stream: str, state: Mapping[str, Any]) -> list[Verdict]:
    """The rows that the stream belongs to, each with its verdict."""
    found = [
        belonging
        for prefix, find in _find.items()
        if stream.startswith(prefix)
        for belonging in find(stream, state)
    ]
    if not found:
        return []
    verdicts = newest_verdicts({belonging.projection for belonging in found})
    return [Verdict(belonging, verdicts.get(belonging.projection)) for belonging in found]
