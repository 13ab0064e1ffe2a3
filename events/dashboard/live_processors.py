"""The table of processors and the event rate, live."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from django.db.models import Max
from django.template.loader import render_to_string

from events.access import can
from events.live import Fragment, LiveView, Refusal
from events.models import Event
from events.overview import overview

_SECONDS = 60
_WIDTH, _HEIGHT = 84, 22


class ProcessorsView(LiveView):
    """``processors``: each row and the warning are fragments of their own."""

    interval = 0.5
    beats = True

    @classmethod
    def allowed(cls, user: Any, argument: str) -> Refusal | None:
        """Whoever may see the processors."""
        decision = can(user, "view_processors")
        return None if decision else Refusal(decision.reason)

    def regions(self) -> Sequence[Fragment]:
        """The warning, the workers, and the figures of each row (its buttons stay as they are)."""
        now = overview()
        found = [
            _fragment(part, f"events/processors/_{part}.html", {"overview": now})
            for part in ("warning", "workers")
        ]
        for row in now.rows:
            html = render_to_string("events/processors/_live_row.html", {"row": row})
            found.append(Fragment(f"processor-{row.name}", html))
        return found


class RateView(LiveView):
    """``rate``: events appended per second, with the last minute as a sparkline.

    Taken from the highest position, once a second; a second that was not watched is not drawn.
    """

    interval = 1.0
    beats = True

    def __init__(self, user: Any, argument: str) -> None:
        super().__init__(user, argument)
        self._seen: deque[tuple[float, int]] = deque(maxlen=_SECONDS + 1)

    @classmethod
    def allowed(cls, user: Any, argument: str) -> Refusal | None:
        """Whoever may see the log."""
        decision = can(user, "view_log")
        return None if decision else Refusal(decision.reason)

    def regions(self) -> Sequence[Fragment]:
        """The figure and the line."""
        now = time.monotonic()
        if not self._seen or now - self._seen[-1][0] > 0.8:
            self._seen.append((now, Event.objects.aggregate(top=Max("position"))["top"] or 0))
        return [_fragment("rate", "events/live/rate.html", self._figures())]

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
            "width": _WIDTH,
            "height": _HEIGHT,
        }


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
