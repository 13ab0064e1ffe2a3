"""What changed, as ids only: the content of one bell for the pages."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

LIMIT = 200
"""Ids of a kind that one message names; with more of them it says "many"."""

Value = TypeVar("Value")


class Ids:
    """A set of ids that forgets which they are when they get too many.

    ``many`` is true then, and everything counts as inside.
    """

    __slots__ = ("known", "many")

    def __init__(self, known: Iterable[Hashable] = (), many: bool = False) -> None:
        self.known = set(known)
        self.many = many
        self._bound()

    def __contains__(self, value: Hashable) -> bool:
        return self.many or value in self.known

    def __bool__(self) -> bool:
        return self.many or bool(self.known)

    def add(self, value: Hashable) -> None:
        """Add one id."""
        if not self.many:
            self.known.add(value)
            self._bound()

    def merge(self, other: Ids) -> None:
        """Add all ids of ``other``."""
        self.many = self.many or other.many
        self.known |= other.known
        self._bound()

    def touches(self, values: Iterable[Hashable]) -> bool:
        """Whether one of ``values`` is inside."""
        return self.many or not self.known.isdisjoint(values)

    def _bound(self) -> None:
        if self.many or len(self.known) > LIMIT:
            self.known, self.many = set(), True


@dataclass
class Changes:
    """Which positions, traces, streams and processors were touched since the last look.

    ``first`` and ``last`` are the lowest and highest position touched; ``appended``: events came,
    not always behind those seen before. ``unknown`` says that
    changes were noticed which no message named: a view must look for itself. ``sessions`` asks to
    check at once who is still signed in. :meth:`once` shares reads between views of one frame.
    """

    positions: Ids = field(default_factory=Ids)
    correlations: Ids = field(default_factory=Ids)
    streams: Ids = field(default_factory=Ids)
    processors: Ids = field(default_factory=Ids)
    first: int = 0
    last: int = 0
    appended: bool = False
    unknown: bool = False
    sessions: bool = False
    _read: dict[Hashable, Any] = field(default_factory=dict, repr=False, compare=False)

    def __bool__(self) -> bool:
        """Whether anything changed."""
        return bool(self.positions or self.correlations or self.processors or self.unknown)

    def touch(self, position: int, correlation_id: UUID | None = None) -> None:
        """Note a touched event."""
        self.positions.add(position)
        self.first = min(self.first or position, position)
        self.last = max(self.last, position)
        if correlation_id is not None:
            self.correlations.add(correlation_id)

    def merge(self, other: Changes) -> None:
        """Add what ``other`` knows."""
        for name in ("positions", "correlations", "streams", "processors"):
            getattr(self, name).merge(getattr(other, name))
        self.first = min(self.first or other.first, other.first or self.first)
        self.last = max(self.last, other.last)
        self.appended = self.appended or other.appended
        self.unknown = self.unknown or other.unknown
        self.sessions = self.sessions or other.sessions

    def once(self, key: Hashable, read: Callable[[], Value]) -> Value:
        """The value of ``read()``, read at most once per frame and shared by all views."""
        if key not in self._read:
            self._read[key] = read()
        value: Value = self._read[key]
        return value

    def to_message(self) -> dict[str, Any]:
        """Small and plain, for the channel layer. More than ``LIMIT`` ids become a range."""
        return {
            "positions": None if self.positions.many else sorted(self.positions.known),
            "correlations": _out(self.correlations),
            "streams": _out(self.streams),
            "processors": _out(self.processors),
            "first": self.first,
            "last": self.last,
            "appended": self.appended,
            "sessions": self.sessions,
        }

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Changes:
        """The changes of a message; anything unreadable in it counts as unknown changes."""
        try:
            return cls(
                positions=_in(message["positions"], int),
                correlations=_in(message["correlations"], UUID),
                streams=_in(message["streams"], str),
                processors=_in(message["processors"], str),
                first=int(message["first"]),
                last=int(message["last"]),
                appended=bool(message.get("appended")),
                sessions=bool(message.get("sessions")),
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            return cls(unknown=True)  # another version of the code is running somewhere


def _out(ids: Ids) -> list[str] | None:
    return None if ids.many else sorted(str(value) for value in ids.known)


def _in(values: Iterable[Any] | None, kind: Callable[[Any], Hashable]) -> Ids:
    return Ids(many=True) if values is None else Ids(kind(value) for value in values)
