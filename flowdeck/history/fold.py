"""The fold: what transactions told becomes figures and traces, exactly once.

Tallies go and figures come in one transaction, by whoever has the one row of ``Fold`` locked. So
nothing is counted twice or left out, whoever is killed when; what commits later is folded later,
and no long transaction of somebody else is waited for. Nothing here changes what becomes of an
event: while nobody folds, tallies wait.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Max, Min, OuterRef, Subquery

from flowdeck import clock
from flowdeck.database import connection, transaction
from flowdeck.history import retention
from flowdeck.history.told import Told
from flowdeck.models import Event, Fold, Tally
from flowdeck.sql import tallies
from flowdeck.sql.parts import rows

logger = logging.getLogger("flowdeck")
_SECONDS = 0.5  # of one tick: the thread has other work
_PAUSE = timedelta(seconds=0.9)
_REST = 4  # times as long as a tick took: folding gets a fifth of a core at most
_LATE = timedelta(seconds=10)  # older than that, tallies are folded without rest
_AT_ONCE = 500  # tallies

_TAKE = """
DELETE FROM flowdeck_tally WHERE id IN (
  SELECT id FROM flowdeck_tally WHERE id > %s ORDER BY id LIMIT %s)
RETURNING id, processor, told
"""


def tick() -> bool:
    """Fold for half a second, if it is time and nobody else does; whether there is more to do.

    Raises nothing: history may come late, but keeps nobody from work.
    """
    more = False
    with _late_at_worst():
        more = _tick(time.monotonic())
    return more


def _tick(began: float) -> bool:
    if not _is_due():
        return False
    more = True
    while more and time.monotonic() - began < _SECONDS:
        more = _fold_some(began, wait=False)
    with connection.cursor() as cursor:
        tallies().raise_floor(cursor)
    return more


def catch_up() -> None:
    """Fold whatever was told by now. Raises nothing, as :func:`tick`."""
    with _late_at_worst():
        fold_all()


@contextmanager
def _late_at_worst() -> Iterator[None]:
    try:
        yield
    except Exception:
        logger.exception("History could not be folded; figures are late until it can.")
        connection.close_if_unusable_or_obsolete()


def fold_all() -> None:
    """Fold whatever was told by now, after whoever else does so. Raises what the database does."""
    make_row()
    newest = Tally.objects.aggregate(newest=Max("id"))["newest"] or 0
    while Tally.objects.filter(id__lte=newest).exists():
        _fold_some(time.monotonic(), wait=True)


class Known(NamedTuple):
    """From when on and up to when everything is in the figures; None for no limit."""

    since: datetime | None
    until: datetime | None


def known() -> Known:
    """What is known, but for transactions under way; one query."""
    left = Tally.objects.filter(id__gt=OuterRef("floor")).order_by("id").values("at")[:1]
    row = Fold.objects.values_list("since", Subquery(left)).first()
    if row is not None:
        return Known(*row)
    nobody_folded = Tally.objects.order_by("id").values_list("at", flat=True).first()
    return Known(nobody_folded, nobody_folded)


def _is_due() -> bool:
    row = Fold.objects.first()
    if row is None:
        make_row()
        return Tally.objects.exists()
    if row.due_at is not None and row.due_at > clock.now():
        return False
    return Tally.objects.filter(id__gt=row.floor).exists()


def _fold_some(began: float, wait: bool) -> bool:
    """One transaction; whether there was as much as it takes. False if somebody else folds."""
    with transaction.atomic():
        row = locked(wait)
        if row is None:
            return False
        with connection.cursor() as cursor:
            tallies().prepare(cursor)
        oldest = Tally.objects.filter(id__gt=row.floor).aggregate(at=Min("at"))["at"]
        taken = rows(_TAKE, [row.floor, _AT_ONCE])
        told = Told()
        for _, processor, text in taken:
            told.read(processor, text)
        now, before = clock.now(), row.due_at
        told.keep(now)
        if before is None and not _is_whole(told):
            row.since = oldest
        row.folded = max([row.folded, *(number for number, *_ in taken)])
        spent = timedelta(seconds=time.monotonic() - began)
        row.due_at = now + max(_PAUSE, min(spent * _REST, _LATE))
        if oldest is not None and now - oldest > _LATE:
            row.due_at = now
        row.save()
        if before is None or before.minute != row.due_at.minute:
            retention.remove_old(now)
    return len(taken) == _AT_ONCE


def locked(wait: bool = True) -> Fold | None:
    """The row that gives the right to fold, locked; None if somebody else has it.

    Needs a transaction.
    """
    return Fold.objects.select_for_update(skip_locked=not wait).first()


def make_row() -> None:
    """Make the row that is locked, if there is none: before, or who else does so would wait."""
    Fold.objects.bulk_create([Fold(pk=1)], ignore_conflicts=True)


def _is_whole(told: Told) -> bool:
    """Whether the beginning of the log is among what was told: there was nothing before."""
    first = Event.objects.order_by("position").values_list("position", flat=True).first()
    return first is None or told.sums[first].events > 0
