"""Curves of a stretch of time, of one processor or of all: rates, failures, what waits, how long.

Times are read from sketches of a grain of their own: to merge those of a day by minute would take
too long for a page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import F, Model, QuerySet, Sum

from flowdeck.dashboard.shared import plots
from flowdeck.dashboard.shared.plots import Curve, Flag, Span, Values, binned, curve
from flowdeck.history.figures import HOUR, MINUTE
from flowdeck.history.gauges import ALL
from flowdeck.history.sketch import Counts, load, quantile
from flowdeck.models import Handled, Produced
from flowdeck.observe import gauges, rates
from flowdeck.observe.rates import Window

HEIGHT = 56
_LEAST = 10.0  # at the top of a scale of per cents, or of what waits: one is no mountain


@dataclass(frozen=True, slots=True)
class Scale:
    """A length of time to be seen: its bins, the grains of counts and of times, and hours."""

    length: timedelta
    bins: int
    grain: int
    times: int
    ticks: int


HALF_HOUR = Scale(timedelta(minutes=30), 30, MINUTE, MINUTE, 5 * MINUTE)
AN_HOUR = Scale(timedelta(hours=1), 60, MINUTE, MINUTE, 10 * MINUTE)
A_DAY = Scale(timedelta(hours=24), 240, MINUTE, HOUR, 3 * HOUR)
A_WEEK = Scale(timedelta(days=7), 168, HOUR, HOUR, 24 * HOUR)


@dataclass(frozen=True, slots=True)
class Stretch:
    """What is drawn of a stretch of time: its curves by name, its releases and its hours."""

    span: Span
    curves: dict[str, Curve]
    flags: list[Flag]
    ticks: list[tuple[float, datetime]]


def of_all(scale: Scale, now: datetime) -> Stretch:
    """Events, failed attempts, what waits, and p99 from the log to done; six queries."""
    span, window = _span(scale, now)
    known = _known(window, span)
    events = binned(_by_time(Produced.objects.filter(window.rows)).annotate(sum=Sum("n")), span)
    ages = _sketches(span, scale, "", ["age"])["age"]
    curves = {
        "events": curve(_each(known, lambda n: events.get(n, 0.0) / span.step), HEIGHT),
        "failed": _failed(known, *_attempts(window, span, "")),
        "waiting": _waiting(scale, span, ALL),
        "took": curve(_quantiles(ages, span, scale, 0.99), HEIGHT, log=True),
    }
    return _stretch(scale, span, curves)


def of_processor(name: str, scale: Scale, now: datetime) -> Stretch:
    """What it finished, failed attempts, how long deliveries waited and ran, what waits;
    five queries."""
    span, window = _span(scale, now)
    known = _known(window, span)
    done, failed = _attempts(window, span, name)
    found = _sketches(span, scale, name, ["wait", "run"])
    curves = {
        "done": curve(_each(known, lambda n: done.get(n, 0.0) / span.step), HEIGHT),
        "failed": _failed(known, done, failed),
        "waiting": _waiting(scale, span, name),
    }
    for column, counts in found.items():
        p99 = curve(_quantiles(counts, span, scale, 0.99), HEIGHT, log=True)
        p50 = _quantiles(counts, span, scale, 0.5)
        curves[column] = p99
        curves[f"{column}50"] = curve(p50, HEIGHT, top=p99.top, log=True)
    return _stretch(scale, span, curves)


def _span(scale: Scale, now: datetime) -> tuple[Span, Window]:
    """Up to the end of what the grain counts, so that bins stay the same until it is over."""
    end = int(now.timestamp()) // scale.grain * scale.grain + scale.grain
    until = datetime.fromtimestamp(end, UTC)
    span = Span(until - scale.length, until, scale.bins)
    return span, rates.between(span.since, now, scale.grain)


def _stretch(scale: Scale, span: Span, curves: dict[str, Curve]) -> Stretch:
    return Stretch(span, curves, plots.flags(span), span.ticks(scale.ticks))


def _known(window: Window, span: Span) -> list[bool]:
    """Whether the figures tell of all of a bin: one that is open is not drawn as a drop."""
    begin, step = span.since.timestamp(), span.step
    first, last = window.since.timestamp(), window.until.timestamp()
    return [
        begin + (n + 0.5) * step >= first and begin + (n + 1) * step <= last
        for n in range(span.bins)
    ]


def _each(known: Sequence[bool], value: Callable[[int], float]) -> Values:
    return [value(n) if is_known else None for n, is_known in enumerate(known)]


def _by_time(rows: QuerySet[Any]) -> QuerySet[Any]:
    return rows.order_by().values_list("at")


def _attempts(window: Window, span: Span, name: str) -> tuple[dict[int, float], dict[int, float]]:
    """Those that were done and those that failed, by number of the bin; one query."""
    sums = {"well": Sum("done"), "badly": Sum(F("failed") + F("rejected"))}
    found = list(_by_time(_of(Handled, window.rows, name)).annotate(**sums))
    done = binned(((at, well) for at, well, _ in found), span)
    return done, binned(((at, badly) for at, _, badly in found), span)


def _failed(known: Sequence[bool], done: Mapping[int, float], failed: Mapping[int, float]) -> Curve:
    """Per cent of the attempts."""

    def share(n: int) -> float:
        bad = failed.get(n, 0.0)
        return 100 * bad / (done.get(n, 0.0) + bad) if bad else 0.0

    return curve(_each(known, share), HEIGHT, top=_LEAST)


def _of(model: type[Model], condition: Any, name: str) -> QuerySet[Any]:
    rows = model._default_manager.filter(condition)
    return rows.filter(processor=name) if name else rows


def _waiting(scale: Scale, span: Span, name: str) -> Curve:
    """The most that waited in each bin."""
    read = gauges.between(span.since, span.until, scale.grain, [name])
    most: dict[int, float] = {}
    for at in read.at:
        found = read.of(name, at)
        number = int((at - span.since.timestamp()) // span.step)
        if found is not None and 0 <= number < span.bins:
            most[number] = max(most.get(number, 0.0), found.waiting)
    return curve([most.get(n) for n in range(span.bins)], HEIGHT, top=_LEAST)


def _sketches(
    span: Span, scale: Scale, name: str, columns: list[str]
) -> dict[str, dict[int, Counts]]:
    """By column, and by number of the stretch since 1970."""
    window = Window(scale.times, span.since, span.until)
    found: dict[str, dict[int, Counts]] = {column: {} for column in columns}
    for at, *texts in _of(Handled, window.rows, name).values_list("at", *columns):
        for column, text in zip(columns, texts, strict=True):
            load(text, found[column].setdefault(at // scale.times, {}))
    return found


def _quantiles(found: dict[int, Counts], span: Span, scale: Scale, share: float) -> Values:
    of_stretch = {at: quantile(counts, share) for at, counts in found.items()}
    begin = span.since.timestamp()
    stretches = (int(begin + (n + 0.5) * span.step) // scale.times for n in range(span.bins))
    return [of_stretch.get(at) for at in stretches]
