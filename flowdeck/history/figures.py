"""Figures by time: what is told, added to rows of five grains at once.

So an hour is always the sum of its minutes, whenever something is told of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from operator import itemgetter
from typing import Any

from flowdeck.conf import conf
from flowdeck.history import rows
from flowdeck.history.sketch import Counts, dump, load
from flowdeck.history.tally import FINEST, Facts
from flowdeck.models import Handled, Produced

MINUTE, HOUR, DAY, EVER = 60, 3600, 86_400, 0
GRAINS = (FINEST, MINUTE, HOUR, DAY, EVER)
"""Seconds of a stretch of time; EVER is the one that is all of it."""

Slot = tuple[int, str, str]
"""The beginning of ten seconds, and by whom of what type, or of what type by whom."""

_COUNTS = [one.name for one in fields(Facts)][:-3]
_SKETCHES = [one.name for one in fields(Facts)][-3:]


def beginning(grain: int, at: int) -> int:
    """When the stretch of that grain begins that holds ``at``."""
    return at // grain * grain if grain else 0


def kept_from(grain: int, now: datetime) -> int:
    """From which beginning on figures of that grain are kept; 0 for all of them."""
    days = {
        FINEST: conf().TEN_SECONDS_KEPT_DAYS,
        MINUTE: conf().MINUTES_KEPT_DAYS,
        HOUR: conf().HOURS_KEPT_DAYS,
    }
    return int(now.timestamp() - days[grain] * DAY) if grain in days else 0


def add(into: Facts, more: Facts) -> None:
    """Add up what two times tell."""
    for name in _COUNTS:
        setattr(into, name, getattr(into, name) + getattr(more, name))
    for name in _SKETCHES:
        merge(getattr(into, name), getattr(more, name))


def merge(into: Counts, more: Mapping[int, int]) -> None:
    """Add the counts of one sketch to those of another."""
    for at, number in more.items():
        into[at] = into.get(at, 0) + number


def handled(told: Mapping[Slot, Facts], now: datetime) -> None:
    """Add facts, by the beginning of ten seconds, to the rows of all grains."""
    sums: dict[tuple[int, int, str, str], Facts] = {}
    kept = {grain: kept_from(grain, now) for grain in GRAINS}
    for (at, processor, type_), facts in told.items():
        for grain in GRAINS:
            key = grain, beginning(grain, at), processor, type_
            if key[1] >= kept[grain]:
                add(sums.setdefault(key, Facts()), facts)
    for grain, at, processor, type_, *stored in rows.read(Handled, list(sums)):
        add(sums[grain, at, processor, type_], loaded(stored))
    rows.write(
        Handled,
        [(*key, *_columns(facts)) for key, facts in sorted(sums.items(), key=itemgetter(0))],
    )


def produced(told: Mapping[Slot, int], now: datetime) -> None:
    """Add numbers of events, by beginning, type and producer, to the rows of all grains."""
    sums = Counter[tuple[int, int, str, str]]()
    kept = {grain: kept_from(grain, now) for grain in GRAINS}
    for (at, type_, producer), number in told.items():
        for grain in GRAINS:
            if (begin := beginning(grain, at)) >= kept[grain]:
                sums[grain, begin, type_, producer] += number
    for grain, at, type_, producer, number in rows.read(Produced, list(sums)):
        sums[grain, at, type_, producer] += number
    rows.write(Produced, [(*key, number) for key, number in sorted(sums.items())])


def loaded(columns: Sequence[Any]) -> Facts:
    """The facts of a stored row, of its columns behind the key."""
    counts, sketches = columns[: len(_COUNTS)], columns[len(_COUNTS) :]
    return Facts(*counts, *map(load, sketches))


def _columns(facts: Facts) -> Iterator[int | str]:
    for name in _COUNTS:
        yield getattr(facts, name)
    for name in _SKETCHES:
        yield dump(getattr(facts, name))
