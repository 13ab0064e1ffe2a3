"""What the figures and traces say, compared with the rows that they tell of."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

from flowdeck.history import fold, sketch
from flowdeck.history.figures import DAY, EVER, GRAINS, HOUR, MINUTE
from flowdeck.history.tally import FINEST
from flowdeck.models import Attempt, Delivery, Event, Handled, Produced, Tally, Trace
from flowdeck.observe.totals import totals_of

COUNTS = ("done", "failed", "rejected", "snoozed", "dead", "busy_us")


def assert_all_is_remembered() -> None:
    """Fold what is left; then every figure and every trace is what the rows make of it."""
    fold.fold_all()
    assert not Tally.objects.exists()
    assert_grains_agree()
    assert figures() == rows()
    assert traces() == traces_anew()


def assert_grains_agree() -> None:
    """Each stretch is the sum of the shorter ones in it, sketches included."""
    for shorter, longer in pairwise(GRAINS):
        assert summed(shorter, longer) == summed(longer, longer), (shorter, longer)
    assert {FINEST, MINUTE, HOUR, DAY, EVER} == set(GRAINS)


def summed(grain: int, by: int) -> dict[Any, Any]:
    """The figures of a grain, by stretches of another one."""
    found: dict[Any, Any] = {}
    for row in Handled.objects.filter(grain=grain):
        at = row.at // by * by if by else 0
        key = at, row.processor, row.type
        counts = found.setdefault(key, [Counter(), {}, {}, {}])
        counts[0].update({name: getattr(row, name) for name in COUNTS})
        for into, name in zip(counts[1:], ("run", "wait", "age"), strict=True):
            sketch.load(getattr(row, name), into)
    for one in Produced.objects.filter(grain=grain):
        at = one.at // by * by if by else 0
        key = at, one.producer, one.type, "produced"
        found[key] = found.get(key, 0) + one.n
    return found


def figures() -> Any:
    """By ten seconds: what was done, attempts that failed or were rejected, events appended."""
    done, failed, rejected = Counter[Any](), Counter[Any](), Counter[Any]()
    for row in Handled.objects.filter(grain=FINEST):
        key = row.at, row.processor, row.type
        done[key], failed[key], rejected[key] = row.done, row.failed, row.rejected
    wrote = {
        (row.at, row.type, row.producer): row.n for row in Produced.objects.filter(grain=FINEST)
    }
    return +done, +failed, +rejected, wrote


def rows(after: int = 0) -> Any:
    """The same, counted from deliveries, failed attempts and the log behind a position."""
    done, failed, rejected = Counter[Any](), Counter[Any](), Counter[Any]()
    for one in Delivery.objects.filter(state="done", finished_at__isnull=False):
        done[slot(one.finished_at), one.processor, one.event.type] += 1
    types = dict(Event.objects.values_list("position", "type"))
    for failure in Attempt.objects.all():
        counts = rejected if failure.outcome == "rejected" else failed
        counts[slot(failure.finished_at), failure.processor, types[failure.event_id]] += 1
    wrote = Counter(
        (slot(at), type_, by)
        for at, type_, by in Event.objects.filter(position__gt=after).values_list(
            "recorded_at", "type", "producer"
        )
    )
    return done, failed, rejected, dict(wrote)


def slot(moment: Any) -> int:
    """The beginning of its ten seconds."""
    return int(moment.timestamp()) // FINEST * FINEST


def traces() -> dict[Any, Any]:
    """The rows of traces."""
    names = [one.attname for one in Trace._meta.concrete_fields]
    return {row[0]: row[1:] for row in Trace.objects.values_list(*names)}


def traces_anew(after: int = 0) -> dict[Any, Any]:
    """What those rows are to be, from the log behind a position, and the deliveries."""
    firsts: dict[Any, Event] = {}
    last: dict[Any, int] = {}
    for event in Event.objects.filter(position__gt=after).order_by("position"):
        firsts.setdefault(event.correlation_id, event)
        last[event.correlation_id] = event.position
    found = {}
    for name, totals in totals_of(firsts).items():
        first, deliveries = firsts[name], Delivery.objects.filter(event__correlation_id=name)
        states = Counter(deliveries.values_list("state", flat=True))
        settled, dead = states["done"] + states["discarded"], states["dead"]
        open_ = totals.deliveries - settled - dead
        state = 2 if dead else 0 if open_ else 3 if totals.refused else 1
        seconds = None if open_ else (totals.ended_at - first.recorded_at).total_seconds()
        found[name] = (
            first.position,
            first.type,
            first.stream,
            first.producer,
            first.recorded_at,
            totals.ended_at,
            last[name],
            totals.events,
            totals.deliveries,
            settled,
            dead,
            totals.retries,
            totals.refused,
            state,
            seconds,
        )
    return found
