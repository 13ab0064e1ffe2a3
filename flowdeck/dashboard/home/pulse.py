"""The pulse: events, failures, what waits and how long it takes, of a day and the last half hour.

A day is drawn in stretches of six minutes from figures by minute, but times from those by hour: to
merge the sketches of a day by minute takes too long for a page.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from django.db.models import F, Sum

from flowdeck.dashboard.shared import plots
from flowdeck.dashboard.shared.plots import Curve, Flag, Span, Values, binned, curve
from flowdeck.history import figures
from flowdeck.history.figures import HOUR, MINUTE
from flowdeck.history.gauges import ALL
from flowdeck.history.sketch import load, quantile
from flowdeck.history.tally import Facts
from flowdeck.models import Handled, Produced
from flowdeck.observe import gauges, rates
from flowdeck.observe.rates import Window

HEIGHT = 56
DAY, LENS = timedelta(hours=24), timedelta(minutes=30)
_DAY_BINS, _LENS_BINS = 240, 30
_LATELY = 10 * MINUTE


@dataclass(frozen=True, slots=True)
class Stretch:
    """One of the two stretches of time: its curves by name, its releases and its hours."""

    span: Span
    curves: dict[str, Curve]
    flags: list[Flag]
    ticks: list[tuple[float, datetime]]


@dataclass(frozen=True, slots=True)
class Lately:
    """The figures of the last ten minutes; None for what is not known."""

    events_per_second: float | None
    attempts: int
    failed: int
    p50: float | None
    p99: float | None

    @property
    def share(self) -> float | None:
        """Per cent of the attempts that failed; None without attempts."""
        return 100 * self.failed / self.attempts if self.attempts else None


@dataclass(frozen=True)
class Pulse:
    """All of it, as of ``now``; eleven queries."""

    now: datetime

    @cached_property
    def day(self) -> Stretch:
        """The last 24 hours; four queries."""
        span = _span(self.now, DAY, _DAY_BINS)
        return _stretch(span, MINUTE, _by_hour, 3 * HOUR)

    @cached_property
    def lens(self) -> Stretch:
        """The last half hour; four queries."""
        span = _span(self.now, LENS, _LENS_BINS)
        return _stretch(span, MINUTE, _by_minute, 5 * MINUTE)

    @cached_property
    def lately(self) -> Lately:
        """The figures beside the curves; three queries."""
        minute, ten = rates.lately(MINUTE, self.now), rates.lately(_LATELY, self.now)
        facts = _together(ten)
        failed = facts.failed + facts.rejected
        return Lately(
            events_per_second=minute.per_second(sum(rates.produced(minute).values())),
            attempts=facts.done + failed,
            failed=failed,
            p50=quantile(facts.age, 0.5),
            p99=quantile(facts.age, 0.99),
        )


def _span(now: datetime, length: timedelta, bins: int) -> Span:
    """Up to the end of the minute, so that bins stay the same until it is over."""
    end = datetime.fromtimestamp(int(now.timestamp()) // MINUTE * MINUTE + MINUTE, UTC)
    return Span(end - length, end, bins)


def _stretch(span: Span, grain: int, times: Callable[[Span], Values], tick_seconds: int) -> Stretch:
    window = rates.between(span.since, span.until, grain)
    events = _sums(Produced, window, span, "n")
    done = _sums(Handled, window, span, "done")
    failed = _sums(Handled, window, span, "failed", "rejected")
    known = _known(window, span)
    shares = [
        100 * failed.get(n, 0.0) / tried
        if (tried := done.get(n, 0.0) + failed.get(n, 0.0))
        else 0.0
        for n in range(span.bins)
    ]
    return Stretch(
        span,
        {
            "events": curve(_each(known, lambda n: events.get(n, 0.0) / span.step), HEIGHT),
            "failed": curve(_each(known, lambda n: shares[n]), HEIGHT, top=10.0),
            "waiting": curve(_waiting(span), HEIGHT, top=10.0),
            "took": curve(times(span), HEIGHT, log=True),
        },
        plots.flags(span),
        span.ticks(tick_seconds),
    )


def _known(window: Window, span: Span) -> list[bool]:
    """Whether the figures tell of all of a bin; the last one is open."""
    begin, step = span.since.timestamp(), span.step
    first, last = window.since.timestamp(), window.until.timestamp()
    return [
        begin + n * step >= first - step / 2 and begin + (n + 0.5) * step <= last
        for n in range(span.bins)
    ]


def _each(known: list[bool], value: Callable[[int], float]) -> Values:
    return [value(n) if is_known else None for n, is_known in enumerate(known)]


def _sums(model: Any, window: Window, span: Span, *columns: str) -> dict[int, float]:
    rows = model._default_manager.filter(window.rows).order_by().values_list("at")
    total = sum((F(name) for name in columns[1:]), F(columns[0]))
    return binned(rows.annotate(total=Sum(total)), span)


def _waiting(span: Span) -> Values:
    """The most that waited in each bin."""
    read = gauges.between(span.since, span.until, MINUTE, [])
    most: dict[int, float] = {}
    for at in read.at:
        found = read.of(ALL, at)
        number = int((at - span.since.timestamp()) // span.step)
        if found is not None and 0 <= number < span.bins:
            most[number] = max(most.get(number, 0.0), found.waiting)
    return [most.get(n) for n in range(span.bins)]


def _by_hour(span: Span) -> Values:
    """The time from the log to done that one of a hundred took longer than, hour by hour."""
    of_hour = _p99s(span, HOUR)
    hours = (int(span.since.timestamp() + (n + 0.5) * span.step) // HOUR for n in range(span.bins))
    return [of_hour.get(hour) for hour in hours]


def _by_minute(span: Span) -> Values:
    of_minute = _p99s(span, MINUTE)
    first = int(span.since.timestamp()) // MINUTE
    return [of_minute.get(first + n) for n in range(span.bins)]


def _p99s(span: Span, grain: int) -> dict[int, float | None]:
    """By number of the stretch since 1970."""
    window = rates.Window(grain, span.since, span.until)
    ages: dict[int, dict[int, int]] = {}
    for at, text in Handled.objects.filter(window.rows, done__gt=0).values_list("at", "age"):
        load(text, ages.setdefault(at // grain, {}))
    return {at: quantile(counts, 0.99) for at, counts in ages.items()}


def _together(window: Window) -> Facts:
    found = Facts()
    for facts in rates.handled(window).values():
        figures.add(found, facts)
    return found
