"""The URL parameters of the event log as one object: rows, order, neighbouring pages.

Pages are cut by position in both directions and never by OFFSET or COUNT. A filter without an index
of its own (producer) looks at a bounded stretch of the log and says how far it has looked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Max, QuerySet

from events.models import Event

SIZE = 100
_STRETCH = 50_000  # rows looked at for a filter without an index
_LARGEST = 2**63 - 1
FIELDS = ("type", "stream", "correlation", "producer")


@dataclass(frozen=True, slots=True)
class LogPage:
    """Rows, newest first. ``older`` and ``newer`` are queries of the neighbouring pages, if any.

    ``searched_to`` is set if the rows end because so much was looked at, not because there are no
    more: the position looked at last.
    """

    rows: list[Event]
    older: str | None
    newer: str | None
    searched_to: int | None = None


@dataclass(frozen=True, slots=True)
class LogFilter:
    """What of the log is wanted. ``before`` and ``after`` are exclusive positions.

    ``problems`` are parameters that could not be understood, each with what was wrong.
    """

    type: str = ""
    stream: str = ""
    correlation: UUID | None = None
    producer: str = ""
    before: int | None = None
    after: int | None = None
    problems: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> LogFilter:
        """From untrusted parameters; what makes no sense becomes a problem, never an error."""
        problems: list[tuple[str, str]] = []
        return cls(
            type=_text(query, "type", 100, problems),
            stream=_text(query, "stream", 200, problems),
            producer=_text(query, "producer", 64, problems),
            correlation=_uuid(query, problems),
            before=_position(query, "before", problems),
            after=_position(query, "after", problems),
            problems=tuple(problems),
        )

    @property
    def at_the_top(self) -> bool:
        """Whether this page shows the newest rows, to which new ones come."""
        return self.before is None and self.after is None

    @property
    def chips(self) -> list[tuple[str, str, str]]:
        """Name and value of each filter set, and the query without it."""
        return [
            (name, str(value), self._without(name).query)
            for name in FIELDS
            if (value := getattr(self, name))
        ]

    def _without(self, name: str) -> LogFilter:
        changes: dict[str, Any] = {name: None if name == "correlation" else ""}
        return replace(self.newest, **changes)

    @property
    def newest(self) -> LogFilter:
        """The same filter at the top of the log."""
        return replace(self, before=None, after=None)

    @property
    def query(self) -> str:
        """The filter as URL parameters, always in the same order."""
        named = {name: getattr(self, name) for name in (*FIELDS, "before", "after")}
        return urlencode({name: value for name, value in named.items() if value not in ("", None)})

    def page(self) -> LogPage:
        """The wanted rows and the way to their neighbours; at most two queries."""
        forward = self.after is not None and self.before is None
        chosen, edge = self._chosen(forward)
        # Within a stream the sequence runs as the position does, and has the index.
        order = "sequence" if self.stream else "position"
        found = list(chosen.order_by(order if forward else f"-{order}")[: SIZE + 1])
        more, rows = len(found) > SIZE, found[:SIZE]
        if forward:
            rows.reverse()
        searched_to = None if more or forward else edge
        older, newer = self._neighbours(rows, more, forward, searched_to)
        return LogPage(rows, older, newer, searched_to)

    def _chosen(self, forward: bool) -> tuple[QuerySet[Event], int | None]:
        chosen = Event.objects.all()
        for name in ("type", "stream", "producer"):
            if value := getattr(self, name):
                chosen = chosen.filter(**{name: value})
        if self.correlation is not None:
            chosen = chosen.filter(correlation_id=self.correlation)
        if self.before is not None:
            chosen = chosen.filter(position__lt=self.before)
        if self.after is not None:
            chosen = chosen.filter(position__gt=self.after)
        if not self.producer or self.stream or self.correlation:
            return chosen, None
        return self._stretch(chosen, forward)

    def _stretch(
        self, chosen: QuerySet[Event], forward: bool
    ) -> tuple[QuerySet[Event], int | None]:
        if forward and self.after is not None:
            return chosen.filter(position__lte=self.after + _STRETCH), None
        top = self.before
        if top is None:
            top = (Event.objects.aggregate(top=Max("position"))["top"] or 0) + 1
        edge = top - _STRETCH
        return chosen.filter(position__gte=edge), edge if edge > 1 else None

    def _neighbours(
        self, rows: list[Event], more: bool, forward: bool, searched_to: int | None
    ) -> tuple[str | None, str | None]:
        older = newer = None
        if searched_to is not None:
            older = replace(self.newest, before=searched_to).query
        elif rows and (more or forward):
            older = replace(self.newest, before=rows[-1].position).query
        if rows and (more if forward else self.before is not None):
            newer = replace(self.newest, after=rows[0].position).query
        return older, newer


def _text(
    query: Mapping[str, str], name: str, longest: int, problems: list[tuple[str, str]]
) -> str:
    value = query.get(name, "").strip().replace("\x00", "")
    if len(value) > longest:
        problems.append((name, f"is longer than {longest} characters"))
        return ""
    return value


def _uuid(query: Mapping[str, str], problems: list[tuple[str, str]]) -> UUID | None:
    value = query.get("correlation", "").strip()
    try:
        return UUID(value) if value else None
    except ValueError:
        problems.append(("correlation", f"{value[:60]!r} is not a correlation id"))
        return None


def _position(query: Mapping[str, str], name: str, problems: list[tuple[str, str]]) -> int | None:
    value = query.get(name, "").strip()
    if not value:
        return None
    if not (value.isascii() and value.isdigit()) or int(value[:20]) > _LARGEST:
        problems.append((name, f"{value[:60]!r} is not a position"))
        return None
    return int(value[:20])
