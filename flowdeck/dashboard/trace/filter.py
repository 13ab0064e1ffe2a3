"""Which traces are wanted, in what order: the parameters of the list as one object."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict

from flowdeck.dashboard.logs.filter import Chip
from flowdeck.dashboard.shared.parameters import Parameters
from flowdeck.observe.trace_rows import OUTCOMES, SORTS

FIELDS = ("outcome", "began", "stream", "over", "retried", "since", "until")
LARGEST_SKIP = 1_000
_MONTH = 31 * 86_400_000  # ms


@dataclass(frozen=True, slots=True)
class TraceFilter:
    """Conditions that all hold. ``over`` are milliseconds a trace took at least; ``retried`` is
    "yes" for those with an attempt after a first one. ``since`` and ``until`` are texts for
    ``parameters.moment``. ``before`` is an exclusive position, ``skip`` how many rows were shown.
    """

    outcome: str = ""
    began: str = ""
    stream: str = ""
    over: int | None = None
    retried: str = ""
    since: str = ""
    until: str = ""
    sort: str = ""
    before: int | None = None
    skip: int | None = None
    problems: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, query: QueryDict) -> TraceFilter:
        """From untrusted parameters; what makes no sense becomes a problem, never an error."""
        read = Parameters(query)
        found = cls(
            outcome=read.one_of("outcome", tuple(OUTCOMES)),
            began=read.text("began", 100),
            stream=read.text("stream", 200),
            over=read.number("over", most=_MONTH),
            retried=read.one_of("retried", ("yes",)),
            since=read.time("since"),
            until=read.time("until"),
            sort=read.one_of("sort", SORTS),
            before=read.number("before"),
            skip=read.number("skip", most=LARGEST_SKIP),
        )
        return replace(found, problems=tuple(read.problems))

    @property
    def plain(self) -> bool:
        """Whether all traces are wanted, the newest first."""
        return not self.chips and self.by_position

    @property
    def by_position(self) -> bool:
        """Whether the newest come first."""
        return self.sort in ("", SORTS[0])

    @property
    def chips(self) -> list[Chip]:
        """Each condition that is set."""
        return [
            Chip(name, str(value), replace(self.first, **_unset(name)).query)
            for name in FIELDS
            if (value := getattr(self, name))
        ]

    @property
    def first(self) -> TraceFilter:
        """The same on its first page."""
        return replace(self, before=None, skip=None)

    def following(self, before: int | None, skip: int | None) -> TraceFilter:
        """The same on the page that begins there."""
        return replace(self, before=before, skip=skip)

    @property
    def query(self) -> str:
        """As URL parameters, always in the same order."""
        names = (*FIELDS, "sort", "before", "skip")
        return urlencode([(n, v) for n in names if (v := getattr(self, n)) not in ("", None)])


def _unset(name: str) -> dict[str, Any]:
    return {name: None if name == "over" else ""}
