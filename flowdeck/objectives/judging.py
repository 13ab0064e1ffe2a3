"""Judging: each trace of an objective is looked at once, when its time is over, and counted.

The log is walked in order of position up to where it is settled, so nothing is left out and nothing
counted twice, and all of it can be judged anew. What was committed later than it had to be there
came too late: nobody saw it in time.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from itertools import takewhile

from django.db.models import OuterRef, Q, QuerySet, Subquery

from flowdeck import clock
from flowdeck.database import transaction
from flowdeck.history import rows
from flowdeck.history.figures import DAY, HOUR, MINUTE, beginning, kept_from
from flowdeck.log.horizon import settled_position
from flowdeck.models import Event, Objective, Reached
from flowdeck.objectives import setting

LATE = timedelta(seconds=5)
"""How long after its time a trace is judged: commits take a moment."""

_EVERY = timedelta(seconds=5)
_GRAINS = (MINUTE, HOUR, DAY)
_OBJECTIVES, _TRACES = 20, 2_000  # at once
_PATIENCE = 0.1  # seconds


def judge() -> bool:
    """Judge what is due and nobody else judges; whether there is more. Needs autocommit."""
    setting.introduce()
    numbers = list(_due().order_by("looked_at").values_list("pk", flat=True)[:_OBJECTIVES])
    settled = settled_position(_PATIENCE) if numbers else None
    if settled is None:
        return False
    more = False
    for number in numbers:
        with transaction.atomic():
            one = _due().select_for_update(skip_locked=True).filter(pk=number).first()
            more |= one is not None and _judge_some(one, settled)
    return more


def _due() -> QuerySet[Objective]:
    since = clock.now() - _EVERY
    return Objective.objects.filter(Q(looked_at=None) | Q(looked_at__lt=since))


def _judge_some(one: Objective, settled: int) -> bool:
    now = clock.now()
    over = now - timedelta(seconds=one.within) - LATE
    began = _began(one, settled)
    judged = list(takewhile(lambda row: row[1] <= over, began))
    _count(one, judged, now)
    if judged:
        one.position = judged[-1][0]
    more = len(judged) == _TRACES
    if not began:
        one.position = max(one.position, settled)
    one.looked_at = None if more else now
    one.save(update_fields=["position", "looked_at"])
    return more


def _began(one: Objective, settled: int) -> list[tuple[int, datetime, datetime | None]]:
    """The next traces: the position and time of what began each, and when it got there, if ever."""
    there = Event.objects.filter(
        correlation_id=OuterRef("correlation_id"),
        type=one.reaches,
        position__gt=OuterRef("position"),
    ).order_by("position")
    chosen = Event.objects.filter(
        type=one.began_with, causation_id=None, position__gt=one.position, position__lte=settled
    ).annotate(there_at=Subquery(there.values("recorded_at")[:1]))
    columns = ("position", "recorded_at", "there_at")
    return list(chosen.order_by("position").values_list(*columns)[:_TRACES])


def _count(
    one: Objective, judged: list[tuple[int, datetime, datetime | None]], now: datetime
) -> None:
    within = timedelta(seconds=one.within)
    begun, reached = Counter[tuple[int, int, int]](), Counter[tuple[int, int, int]]()
    for _, at, there_at in judged:
        for grain in _GRAINS:
            key = one.pk, grain, beginning(grain, int(at.timestamp()))
            if key[2] >= kept_from(grain, now):
                begun[key] += 1
                reached[key] += there_at is not None and there_at - at <= within
    for *name, before, there in rows.read(Reached, list(begun)):
        key = name[0], name[1], name[2]
        begun[key] += before
        reached[key] += there
    rows.write(Reached, [(*key, n, reached[key]) for key, n in sorted(begun.items())])
