"""Which traces are wanted, in what order: the parameters of the list as one object."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict

from flowdeck import words
from flowdeck.dashboard.logs.filter import Chip
from flowdeck.dashboard.shared.parameters import Parameters
from flowdeck.observe.trace_rows import OUTCOMES, SORTS

FIELDS = ("outcome", "began", "type", "stream", "over", "under", "retried", "since", "until")
LARGEST_SKIP = 1_000
_MONTH = 31 * 86_400_000  # ms
_DURATIONS = ("over", "under")
_WORDS = {"began": "began with", "type": "with", "over": "took at least", "under": "took less than"}


@dataclass(frozen=True, slots=True)
class TraceFilter:
    """Conditions that all hold. ``type`` is that of any event; ``over`` and ``under`` are
    milliseconds that a trace took at least, and less than; ``retried`` is "yes" for those with an
    attempt after a first one. ``since`` and ``until`` are texts for
    ``parameters.moment``. ``before`` is an exclusive position, ``skip`` how many rows were shown.
    """

    outcome: str = ""
    began: str = ""
    type: str = ""
    stream: str = ""
    over: float | None = None
    under: float | None = None
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
            type=read.text("type", 100),
            stream=read.text("stream", 200),
            over=read.decimal("over", most=_MONTH),
            under=read.decimal("under", most=_MONTH),
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
    def live_view(self) -> str:
        """The live view of its first page; empty for other pages and sorts: they hold still."""
        if not self.by_position or self.before is not None or self.until:
            return ""
        return f"traces:{self.query}" if self.chips else "traces"

    @property
    def chips(self) -> list[Chip]:
        """Each condition that is set."""
        return [
            Chip(_WORDS.get(name, name), _said(name, value), self.without(name).query)
            for name in FIELDS
            if (value := getattr(self, name)) not in ("", None)
        ]

    def without(self, *names: str) -> TraceFilter:
        """The same without these conditions, on its first page."""
        return replace(self.first, **{name: _unset(name) for name in names})  # type: ignore[arg-type]

    def sorted_by(self, sort: str) -> TraceFilter:
        """The same in another order, on its first page."""
        return replace(self.first, sort="" if sort == SORTS[0] else sort)

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


def _unset(name: str) -> str | None:
    return None if name in _DURATIONS else ""


def _said(name: str, value: Any) -> str:
    return words.duration(value / 1000) if name in _DURATIONS else str(value)
