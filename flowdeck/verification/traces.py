"""What is remembered: each trace's row is what its events and deliveries make of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Count, Max, Min

from flowdeck.declare.states import OVER, DeliveryState
from flowdeck.errors import CheckImpossible
from flowdeck.history import fold, kept
from flowdeck.history.told import Told
from flowdeck.models import Due, Event, Tally, Trace
from flowdeck.observe.totals import Totals, totals_of
from flowdeck.sql.parts import chunked
from flowdeck.verification.checking import Scope, check

_TRACES = 1_000  # compared by one round of statements
_ROUNDS = 3  # what differs may have changed between two statements
_MOST = 20_000  # tallies
_FIELDS = (
    *("first_position", "last_position", "began_with", "stream", "producer", "started_at"),
    *("ended_at", "events", "came", "settled", "dead", "retries", "refused", "state"),
)


@check("each trace is remembered as it was")
def _traces(scope: Scope) -> Iterator[str]:
    """H2. What was before history began is not known, and what is not folded yet not compared;
    nor is what has lost its deliveries."""
    since = fold.known().since
    for after, upto in scope.chunks():
        began = Event.objects.filter(position__gt=after, position__lte=upto)
        names = began.order_by().values_list("correlation_id", flat=True).distinct()
        for some in chunked(sorted(names), _TRACES):
            wrong = _differing(some, after)
            for _ in range(_ROUNDS - 1):
                wrong = _differing(wrong, after) if wrong else wrong
            removed = kept.removed_upto() if wrong else 0  # after: some may have gone meanwhile
            for one in wrong.values():
                if one.position > removed and (since is None or one.at >= since):
                    yield one.said


class _Wrong(NamedTuple):
    """What differs, of a trace that began there and then."""

    said: str
    position: int
    at: datetime


def _differing(names: Collection[UUID], after: int) -> dict[UUID, _Wrong]:
    """Of these traces, those that begin behind the position, are folded, and differ."""
    told = _told()
    wrong = _compared(names, after)
    if not wrong:
        return wrong
    told |= _told()  # and what was told meanwhile
    for some in chunked(sorted(told), _TRACES):
        late = Event.objects.filter(position__in=some).order_by()
        for name in late.values_list("correlation_id", flat=True):
            wrong.pop(name, None)
    return wrong


def _told() -> set[int]:
    """The positions that tallies are about which nobody has folded. Raises CheckImpossible."""
    tallies = list(Tally.objects.values_list("processor", "told")[: _MOST + 1])
    if len(tallies) > _MOST:
        raise CheckImpossible(f"More than {_MOST:,} tallies wait to be folded: is a worker alive?")
    found = Told()
    for processor, text in tallies:
        found.read(processor, text)
    return set(found.sums)


def _compared(names: Collection[UUID], after: int) -> dict[UUID, _Wrong]:
    """Those whose row is not what is made of them anew."""
    rows = {row.correlation_id: row for row in Trace.objects.filter(pk__in=names)}
    wrong: dict[UUID, _Wrong] = {}
    for name, made in _anew(names, after).items():
        row, began = rows.get(name), (made["first_position"], made["started_at"])
        if row is None:
            wrong[name] = _Wrong(f"trace {name} is not remembered", *began)
            continue
        differ = [one for one in _FIELDS if getattr(row, one) != made[one]]
        if differ:
            said = ", ".join(f"{one} is {getattr(row, one)}, not {made[one]}" for one in differ)
            wrong[name] = _Wrong(f"trace {name}: {said}", *began)
    return wrong


def _anew(names: Collection[UUID], after: int) -> dict[UUID, dict[str, Any]]:
    """What the rows are to be, from the log and the deliveries."""
    chosen = Event.objects.filter(correlation_id__in=names).order_by()
    bounds = {
        name: (first, last)
        for name, first, last in chosen.values_list("correlation_id").annotate(
            first=Min("position"), last=Max("position")
        )
        if first > after  # or it was compared with the chunk that it begins in
    }
    firsts = Event.objects.in_bulk([first for first, _ in bounds.values()])
    held = _held(bounds)
    return {
        name: _row(firsts[bounds[name][0]], bounds[name][1], totals, held.get(name, (0, 0)))
        for name, totals in totals_of(list(bounds)).items()
        if bounds[name][0] in firsts
    }


def _held(names: Collection[UUID]) -> dict[UUID, tuple[int, int]]:
    """How many deliveries of each trace are unfinished, and how many dead letters."""
    found: dict[UUID, tuple[int, int]] = {}
    waiting = Due.objects.filter(event__correlation_id__in=list(names)).exclude(state__in=OVER)
    counts = waiting.order_by().values_list("event__correlation_id", "state").annotate(n=Count("*"))
    for name, state, number in counts:
        unfinished, dead = found.get(name, (0, 0))
        is_dead = state == DeliveryState.DEAD
        found[name] = (unfinished + number * (not is_dead), dead + number * is_dead)
    return found


def _row(first: Event, last: int, totals: Totals, held: tuple[int, int]) -> dict[str, Any]:
    unfinished, dead = held
    state = Trace.State.REFUSED if totals.refused else Trace.State.DONE
    if dead:
        state = Trace.State.DEAD
    elif unfinished:
        state = Trace.State.UNDER_WAY
    return {
        "first_position": first.position,
        "last_position": last,
        "began_with": first.type,
        "stream": first.stream,
        "producer": first.producer,
        "started_at": first.recorded_at,
        "ended_at": totals.ended_at,
        "events": totals.events,
        "came": totals.deliveries,
        "settled": totals.deliveries - unfinished - dead,
        "dead": dead,
        "retries": totals.retries,
        "refused": totals.refused,
        "state": state,
    }
