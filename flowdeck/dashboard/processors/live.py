"""The table of processors and the event rate, live."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

from django.db.models import Count
from django.db.models.functions import TruncSecond

from flowdeck import clock
from flowdeck.dashboard.processors.one import SCALES, ProcessorPage
from flowdeck.dashboard.processors.page import context_of
from flowdeck.dashboard.shared.run_times import run_times
from flowdeck.dashboard.shell.entries import dead_letters, under_way
from flowdeck.dashboard.shell.navigation import count_fragment
from flowdeck.dashboard.shell.rendering import render_to_string
from flowdeck.declare.registry import registry
from flowdeck.live import Changes, Fragment, LiveView, Refusal
from flowdeck.log.positions import newest_position
from flowdeck.models import Event
from flowdeck.observe.overview import overview
from flowdeck.people.access import can

_SECONDS = 60
_NEWEST = 20_000  # events looked at for the minute before somebody watched
_WIDTH, _HEIGHT = 84, 22
_CURVES = 10.0  # seconds between two drawings of the curves of a processor


class ProcessorsView(LiveView):
    """``processors``: each row and the warning are fragments of their own."""

    permission = "view_processors"
    interval = 0.5
    beats = True

    def regions(self) -> Sequence[Fragment]:
        """Warning, totals, workers, and the figures of each row (its buttons stay as they are)."""
        now, times = overview(), run_times()
        found = [
            _fragment(part, f"flowdeck/processors/_{part}.html", {"overview": now})
            for part in ("warning", "totals", "workers")
        ]
        for row in now.rows:
            html = render_to_string(
                "flowdeck/processors/_live_row.html", {"row": row, "times": times}
            )
            found.append(Fragment(f"processor-{row.name}", html))
        return found


class ProcessorView(LiveView):
    """``processor:<name>:<window>``: one of them; its curves every ten seconds."""

    interval = 1.0
    beats = True

    def __init__(self, user: Any, argument: str) -> None:
        super().__init__(user, argument)
        name, _, window = argument.rpartition(":")
        self._choice = name, window
        self._drawn_at = 0.0

    @classmethod
    def canonical(cls, argument: str) -> str | None:
        """As it is, if there is such a window; what is no processor is refused."""
        return argument if argument.rpartition(":")[2] in SCALES else None

    @classmethod
    def allowed(cls, user: Any, argument: str) -> Refusal | None:
        """Whoever may see the processors."""
        decision = can(user, "view_processors")
        if decision and argument.rpartition(":")[0] not in registry.processors:
            return Refusal("There is no such processor.")
        return None if decision else Refusal(decision.reason)

    def regions(self) -> Sequence[Fragment]:
        """All of it but its buttons, and what people did."""
        self._drawn_at = time.monotonic()
        return self._fragments(*self._quick, "history")

    def patch(self, changes: Changes) -> Sequence[Fragment]:
        """The same, its curves if it is time."""
        if time.monotonic() - self._drawn_at > _CURVES:
            return self.regions()
        return self._fragments(*self._quick)

    @property
    def _quick(self) -> list[str]:
        declared = registry.processor(self._choice[0])
        limits = ["limits"] if declared.limited else []
        gathered = ["gathered"] if declared.gather else []
        return ["now", "reasons", "errors", "lane_bars", *limits, *gathered]

    def _fragments(self, *parts: str) -> list[Fragment]:
        context = context_of(ProcessorPage(*self._choice)) | {"oob": True}
        return [
            Fragment(
                f"of-{part}", render_to_string(f"flowdeck/processors/_one_{part}.html", context)
            )
            for part in parts
        ]


class RateView(LiveView):
    """``rate``: events appended per second, with the last minute as a sparkline.

    Taken from the highest position, once a second. What was before somebody watched is counted
    once, among the newest of the log. With it come the counts of the navigation that are the same
    for all.
    """

    permission = "view_log"
    interval = 1.0
    beats = True

    def __init__(self, user: Any, argument: str) -> None:
        super().__init__(user, argument)
        self._seen: deque[tuple[float, int]] = deque(maxlen=_SECONDS + 1)

    def regions(self) -> Sequence[Fragment]:
        """The figure and the line."""
        now = time.monotonic()
        if not self._seen:
            self._seen.extend(_before(now))
        if not self._seen or now - self._seen[-1][0] > 0.8:
            self._seen.append((now, newest_position()))
        return [_fragment("rate", "flowdeck/live/rate.html", self._figures()), *_counts()]

    def _figures(self) -> dict[str, Any]:
        seen = list(self._seen)
        rates = [
            (later - earlier) / (then - before)
            for (before, earlier), (then, later) in pairwise(seen)
        ]
        recent = rates[-10:]
        return {
            "rate": sum(recent) / len(recent) if recent else None,
            "line": _line(rates),
            "start": f"{(_SECONDS - len(rates)) * _WIDTH / (_SECONDS - 1):.1f}",
            "width": _WIDTH,
            "height": _HEIGHT,
        }


def _before(now: float) -> list[tuple[float, int]]:
    """The highest position at the end of each of the last seconds, as far as it is known."""
    top = newest_position()
    since = clock.now().replace(microsecond=0) - timedelta(seconds=_SECONDS)
    newest = Event.objects.filter(position__gt=top - _NEWEST, recorded_at__gte=since).order_by()
    found = newest.annotate(second=TruncSecond("recorded_at")).values_list("second")
    counted = dict(found.annotate(number=Count("position")))
    if sum(counted.values()) >= _NEWEST:
        return []  # a flood: the earliest second is not whole
    seen, position = [], top - sum(counted.values())
    for age in range(_SECONDS, 0, -1):
        seen.append((now - age, position))
        position += counted.get(since + timedelta(seconds=_SECONDS - age), 0)
    return seen


def _counts() -> list[Fragment]:
    """Of dead letters and of traces under way."""
    return [
        count_fragment("flowdeck:dead_letters", dead_letters(None)),
        count_fragment("flowdeck:traces", under_way()),
    ]


def _line(rates: list[float]) -> str:
    """Points of the sparkline, newest at the right end."""
    most = max(rates, default=0) or 1.0
    step, first = _WIDTH / (_SECONDS - 1), _SECONDS - len(rates)
    return " ".join(
        f"{(first + n) * step:.1f},{_HEIGHT - 2 - rate / most * (_HEIGHT - 4):.1f}"
        for n, rate in enumerate(rates)
    )


def _fragment(part: str, template: str, context: dict[str, Any]) -> Fragment:
    return Fragment(part, render_to_string(template, {**context, "oob": True}))
