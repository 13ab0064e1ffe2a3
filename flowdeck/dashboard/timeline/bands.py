"""What waits as a band under its lane: a processor that is stuck looks stuck.

It is drawn from the gauges, which are read every ten seconds; at its right end, while the window
follows, stands what waits now. Where nobody read the gauges there is a gap.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from flowdeck import words
from flowdeck.dashboard.shared.plots import Point, paths
from flowdeck.dashboard.timeline.shapes import BAND, Band, Window
from flowdeck.declare.states import DeliveryState
from flowdeck.history.figures import MINUTE
from flowdeck.history.gauges import Reading
from flowdeck.history.tally import FINEST
from flowdeck.observe import current, gauges
from flowdeck.observe.current import Counted
from flowdeck.observe.gauges import Readings

FEW = 5
"""No more than so many are no band: they are being worked on."""
_LONG = 2 * 3600  # seconds; longer windows are drawn by minutes
_TREND = timedelta(minutes=2)
_ROOM = 3  # px that the most leaves free
_APART = 3  # stretches without a reading from which on there is a gap


def bands(
    window: Window, names: Iterable[str], paused: Iterable[str], *, follows: bool
) -> dict[str, Band]:
    """By processor, of those that more than a few wait for; two queries at most."""
    grain = FINEST if window.seconds <= _LONG else MINUTE
    since = min(window.since, window.until - _TREND)
    read = gauges.between(since, window.until, grain, names)
    now = current.moment().by if follows else {}
    held = set(paused)
    found = {
        name: _band(name, window, read, now.get(name), held if follows else frozenset())
        for name in names
    }
    return {name: band for name, band in found.items() if band is not None}


def _band(
    name: str, window: Window, read: Readings, now: Counted | None, paused: Iterable[str]
) -> Band | None:
    seen = [(at, reading) for at in read.at if (reading := read.of(name, at)) is not None]
    inside = [(at, one) for at, one in seen if at + read.grain > window.since.timestamp()]
    most = max([one.waiting for _, one in inside] + [now.waiting if now else 0], default=0)
    if most <= FEW:
        return None
    last = inside[-1][1] if inside else Reading()
    line, area = paths(list(_runs(inside, window, read.grain, most, now)), BAND)
    retrying = now.retrying if now else last.retrying
    kind = DeliveryState.RETRYING if retrying else DeliveryState.PENDING
    return Band(
        DeliveryState.PARKED if name in paused else kind,
        area,
        line,
        _words(now, last, read.per_second(name), window),
    )


def _runs(
    inside: Sequence[tuple[int, Reading]],
    window: Window,
    grain: int,
    most: int,
    now: Counted | None,
) -> Iterable[list[Point]]:
    """Points of each stretch without a gap, in thousandths of the width from the origin."""
    points = [(at, _y(one.waiting, most)) for at, one in inside]
    if now is not None:
        points.append((int(window.until.timestamp()), _y(now.waiting, most)))
    run: list[Point] = []
    before = 0
    for at, y in points:
        if run and at - before > _APART * grain:
            yield run
            run = []
        x = round(window.x(datetime.fromtimestamp(at, UTC)) * 10, 1)
        run.append((x, y))
        before = at
    if run:
        yield run


def _y(waiting: int, most: int) -> float:
    return round(BAND - waiting / most * (BAND - _ROOM), 1)


def _words(now: Counted | None, last: Reading, per_second: float | None, window: Window) -> str:
    waiting = max(now.waiting, last.waiting) if now and now.waiting >= current.COUNTED else None
    number = waiting or (now.waiting if now else last.waiting)
    oldest = last.oldest
    if now is not None:
        oldest = (window.until - now.oldest_at).total_seconds() if now.oldest_at else 0.0
    if not number:
        return "nothing waits now" if now else "nothing waited at its end"
    said = [f"{number:,} {words.noun(number, 'waits', 'wait')}"]
    if oldest >= 1:
        said.append(f"oldest {words.long(round(oldest))}")
    if per_second is not None and abs(per_second) * 60 >= 1:
        said.append(f"{per_second * 60:+,.0f} a minute")
    return ", ".join(said)
