"""The URL parameters of the event log as one object: what is wanted, its chips, its query."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import QueryDict

from flowdeck.dashboard.shared.parameters import Parameters
from flowdeck.declare.states import DeliveryState
from flowdeck.privacy.masking import is_personal, shown_types

STATES = tuple(DeliveryState)
FIELDS = ("type", "stream", "correlation", "producer", "processor", "state", "since", "until")
EXCLUDABLE = ("type", "stream", "producer")
FORM = ("field", "field_not", "is", "out", "out_is")
"""What the page's form calls its two conditions; the query has them as conditions."""

LONGEST = 900
"""Characters of a whole query, so that it fits into the name of a live view and a saved view."""

_PATH = re.compile(r"(?:[A-Za-z_][A-Za-z0-9_-]{0,63}|\d{1,4})(?:\.[A-Za-z0-9_-]{1,64}){0,4}")
_MOST = 10  # conditions


@dataclass(frozen=True, slots=True)
class Condition:
    """A payload field that has a value, or with ``excluded`` anything that must not be so.

    ``field`` is ``data.user_id``, ``data.lines.0.weight`` or one of ``EXCLUDABLE``.
    """

    field: str
    value: str
    excluded: bool = False

    @property
    def name(self) -> str:
        """The parameter: ``data.user_id`` or ``not.type``."""
        return f"not.{self.field}" if self.excluded else self.field

    @property
    def path(self) -> list[str]:
        """Steps into the payload; empty if it is not about the payload."""
        return self.field.split(".")[1:] if self.field.startswith("data.") else []


@dataclass(frozen=True, slots=True)
class Chip:
    """One part of the filter as the bar shows it; ``without`` is the query with it removed."""

    name: str
    value: str
    without: str
    excluded: bool = False


@dataclass(frozen=True, slots=True)
class LogFilter:
    """What of the log is wanted. ``before`` and ``after`` are exclusive positions.

    ``stream`` may end in ``*``. ``since`` and ``until`` are texts for ``parameters.moment``.
    ``problems`` are parameters that could not be understood, each with what was wrong.
    """

    type: str = ""
    stream: str = ""
    correlation: UUID | None = None
    producer: str = ""
    processor: str = ""
    state: str = ""
    since: str = ""
    until: str = ""
    conditions: tuple[Condition, ...] = ()
    before: int | None = None
    after: int | None = None
    problems: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, query: QueryDict) -> LogFilter:
        """From untrusted parameters; what makes no sense becomes a problem, never an error."""
        read = Parameters(query)
        found = cls(
            type=read.text("type", 100),
            stream=read.text("stream", 200),
            producer=read.text("producer", 64),
            processor=read.text("processor", 64),
            correlation=read.uuid("correlation"),
            state=read.one_of("state", STATES),
            since=read.time("since"),
            until=read.time("until"),
            conditions=tuple(dict.fromkeys(_conditions(read))),
            before=read.number("before"),
            after=read.number("after"),
        )
        if found.type and found.type not in shown_types() and any(c.path for c in found.conditions):
            read.problems.append(
                ("type", "is not declared by any installed app: its payloads can't be searched")
            )
        if len(found.query) > LONGEST:
            return cls(problems=(("filter", f"is longer than {LONGEST} characters"),))
        return replace(found, problems=tuple(read.problems))

    @property
    def at_the_top(self) -> bool:
        """Whether this page shows the newest rows, to which new ones come."""
        return self.before is None and self.after is None and not self.until

    @property
    def chips(self) -> list[Chip]:
        """Each part that is set."""
        plain = [
            Chip(name, str(value), self._without(name).query)
            for name in FIELDS
            if (value := getattr(self, name))
        ]
        return plain + [
            Chip(one.field, one.value, self._without_condition(one).query, one.excluded)
            for one in self.conditions
        ]

    @property
    def newest(self) -> LogFilter:
        """The same filter at the top of the log."""
        return replace(self, before=None, after=None)

    @property
    def query(self) -> str:
        """The filter as URL parameters, always in the same order."""
        names = (*FIELDS, "before", "after")
        pairs = [(name, v) for name in names if (v := getattr(self, name)) not in ("", None)]
        return urlencode(pairs + [(one.name, one.value) for one in self.conditions])

    def _without(self, name: str) -> LogFilter:
        changes: dict[str, Any] = {name: None if name == "correlation" else ""}
        return replace(self.newest, **changes)

    def _without_condition(self, condition: Condition) -> LogFilter:
        left = tuple(one for one in self.conditions if one != condition)
        return replace(self.newest, conditions=left)


def _conditions(read: Parameters) -> Iterator[Condition]:
    """From ``data.user_id=7`` and ``not.type=…``, and from the fields of the page's form."""
    wanted = [(name, value) for name, values in read.query.lists() for value in values]
    if field := read.query.get("field", "").strip():
        name = f"data.{field.removeprefix('data.')}"
        wanted.append((f"not.{name}" if read.query.get("field_not") else name, _form(read, "is")))
    if field := read.query.get("out", "").strip():
        wanted.append((f"not.{field}", _form(read, "out_is")))
    found = 0
    for name, value in wanted:
        excluded = name.startswith("not.")
        field = name.removeprefix("not.")
        if not value or not (field.startswith("data.") or (excluded and field in EXCLUDABLE)):
            continue
        if problem := _unsearchable(field):
            read.problems.append((field[:60], problem))
        elif (found := found + 1) > _MOST:
            read.problems.append((name, f"is one condition too many: {_MOST} at most"))
            return
        elif value := read.short(name, value, 200):
            yield Condition(field, value, excluded)


def _unsearchable(field: str) -> str:
    if not field.startswith("data."):
        return ""
    path = field.removeprefix("data.")
    if not _PATH.fullmatch(path):
        return "is not a payload field such as data.user_id"
    # Whoever may ask whether a masked value equals a guess can read it.
    return "is personal: it can't be searched by" if is_personal(path.split(".")[0]) else ""


def _form(read: Parameters, name: str) -> str:
    return str(read.query.get(name, "")).strip()
