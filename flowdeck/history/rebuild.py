"""Figures and traces made anew from what they tell of: the log, deliveries and failed attempts.

A stretch of the log is told as if it just happened, and folded like everything else. What only the
moment itself can tell is left out: how busy handlers were, what was put off, letters that are none
any more, what was given again, and all that is archived.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef

from flowdeck import clock
from flowdeck.database import connection, transaction
from flowdeck.declare.states import OVER, AttemptOutcome, DeliveryState
from flowdeck.errors import ReplayRefused
from flowdeck.history import kept
from flowdeck.history.figures import beginning
from flowdeck.history.fold import locked, make_row
from flowdeck.history.sketch import count
from flowdeck.history.tally import FINEST, Facts, microseconds
from flowdeck.history.told import Told
from flowdeck.models import Attempt, Delivery, Event, Fold, Handled, Produced, Tally, Trace
from flowdeck.sql import tallies

_CHUNK = 5_000  # events
_HEAD_START = timedelta(seconds=60)


def rebuild() -> int:
    """Make all of it anew, in one transaction; return how many events there are.

    Everything goes on meanwhile: what is told after it began is folded after it has ended. Raises
    OperationalError if somebody folds at the same moment; then all is as before. Raises
    ReplayRefused where finished deliveries are removed: what they told can't be told again.
    """
    if removed := kept.removed_upto():
        raise ReplayRefused(
            f"Finished deliveries of events up to {removed:,} are removed "
            "(DELIVERIES_KEPT_DAYS): their figures could not be made anew, so all stay as they are."
        )
    make_row()
    Fold.objects.update(due_at=clock.now() + _HEAD_START)
    with transaction.atomic():
        with connection.cursor() as cursor:
            tallies().snapshot(cursor)
            row = locked()
            tallies().prepare(cursor)
        assert row is not None
        for model in (Tally, Handled, Produced):
            model.objects.all().delete()
        in_the_log = Event.objects.filter(position=OuterRef("first_position"))
        Trace.objects.filter(Exists(in_the_log)).delete()
        events, after, now = 0, 0, clock.now()
        while chunk := _events(after):
            _told(chunk).keep(now)
            events, after = events + len(chunk), chunk[-1][0]
        row.since, row.due_at = None, now
        row.save()
    return events


def _events(after: int) -> list[tuple[int, str, datetime]]:
    chosen = Event.objects.filter(position__gt=after).order_by("position")
    return list(chosen.values_list("position", "type", "recorded_at")[:_CHUNK])


def _told(events: list[tuple[int, str, datetime]]) -> Told:
    told = Told()
    known = {position: (type_, recorded_at) for position, type_, recorded_at in events}
    for position in known:
        told.sums[position].events = 1
    stretch = {"event_id__gte": events[0][0], "event_id__lte": events[-1][0]}
    names = ("event_id", "processor", "state", "attempts", "started_at", "finished_at")
    for one in Delivery.objects.filter(**stretch).values_list(*names):
        _tell_delivery(told, known, one)
    names = ("event_id", "processor", "number", "outcome", "started_at", "finished_at")
    for one in Attempt.objects.filter(**stretch).order_by().values_list(*names):
        _tell_attempt(told, known, one)
    return told


def _tell_delivery(told: Told, known: Any, row: tuple[Any, ...]) -> None:
    position, processor, state, attempts, started, finished = row
    dead, over = state == DeliveryState.DEAD, state in OVER
    ended = microseconds(finished) if finished else None
    told.sums[position].add(1, int(over), int(dead), max(attempts - 1, 0), ended)
    if finished is None:  # it was never tried here
        return
    type_, recorded = known[position]
    facts = _facts(told, finished, processor, type_)
    facts.dead += dead
    if state == DeliveryState.DONE:
        facts.done += 1
        count(facts.run, (finished - started).total_seconds())
        count(facts.age, (finished - recorded).total_seconds())
        if attempts == 1:
            count(facts.wait, (started - recorded).total_seconds())


def _tell_attempt(told: Told, known: Any, row: tuple[Any, ...]) -> None:
    position, processor, number, outcome, started, finished = row
    type_, recorded = known[position]
    facts = _facts(told, finished, processor, type_)
    rejected = outcome == AttemptOutcome.REJECTED
    facts.rejected += rejected
    facts.failed += not rejected
    if number == 1:
        count(facts.wait, (started - recorded).total_seconds())


def _facts(told: Told, at: datetime, processor: str, type_: str) -> Facts:
    return told.facts[beginning(FINEST, int(at.timestamp())), processor, type_]
