"""What deliveries promise: none is missing, each can run, counts once and keeps its order."""

from __future__ import annotations

from collections.abc import Iterator

from flowdeck.declare.registry import Processor, registry, slot_of
from flowdeck.declare.states import IN_DUE, UNFINISHED, WAITING, DeliveryState, among
from flowdeck.history import kept
from flowdeck.models import Lane, Subscription
from flowdeck.sql.parts import heard_by, rows
from flowdeck.verification.checking import CHUNK, Scope, check

_OVERTAKEN = f"""
SELECT e.key, min(d.position) FROM (
  SELECT key, min(position) AS position FROM flowdeck_due
  WHERE processor = %s AND state {among(*UNFINISHED)} GROUP BY key
) AS waiting
  JOIN flowdeck_event e ON e.key = waiting.key AND e.position > waiting.position
  JOIN flowdeck_done d ON d.position = e.position AND d.processor = %s
WHERE e.position > %s AND e.position <= %s GROUP BY e.key
"""


@check("each event has the deliveries its subscriptions asked for")
def _deliveries(scope: Scope) -> Iterator[str]:
    for _, processor in sorted(registry.processors.items()):
        for type_name in processor.subscriptions:
            yield from missing_deliveries(scope, processor, type_name)
    for position, processor_name in rows(
        "SELECT d.position, d.processor FROM flowdeck_delivery d "
        "LEFT JOIN flowdeck_event e ON e.position = d.position WHERE e.position IS NULL LIMIT 1000"
    ):
        yield f"{processor_name} has a delivery of event {position}, which does not exist"


def missing_deliveries(scope: Scope, processor: Processor, type_name: str) -> Iterator[str]:
    """Events of the type that the processor should have got: all since it is known to hear them.

    If that is not known, all since the first that it did get. Of those whose finished deliveries
    are removed nobody can tell.
    """
    first = _since(processor, type_name)
    if first is None:
        first = _first_delivered(scope, processor, type_name)
    if first is None:
        return
    heard, parameters = heard_by(processor, type_name)
    for after, upto in scope.chunks():
        if upto < first:
            continue
        missing = rows(
            f"SELECT e.position FROM flowdeck_event e WHERE {heard} "
            "AND e.position > %s AND e.position <= %s AND e.position >= %s AND NOT EXISTS ("
            "SELECT 1 FROM flowdeck_delivery d WHERE d.position = e.position AND d.processor = %s "
            "AND d.position > %s AND d.position <= %s)",  # or all that is done would be joined
            [*parameters, after, upto, first, processor.name, after, upto],
        )
        removed = kept.removed_upto() if missing else 0  # after: some may have gone meanwhile
        for (position,) in missing:
            if position > removed:
                yield f"event {position} ({type_name}) has no delivery for {processor.name}"


def _since(processor: Processor, type_name: str) -> int | None:
    """From which position on it gets the type, as was written down when it began."""
    said = Subscription.objects.filter(processor=processor.name, type=type_name)
    since = said.values_list("since", flat=True).first()
    return None if since is None else since + 1


def _first_delivered(scope: Scope, processor: Processor, type_name: str) -> int | None:
    """The first event of the type in the scope that the processor got, if it ever got one.

    One that it got shortly before the scope begins is as good: it gets them all since. No statement
    looks at more than a chunk.
    """
    before = max(0, scope.after - CHUNK)
    for after, upto in Scope(scope.until, before).chunks():
        found = rows(
            "SELECT e.position FROM flowdeck_event e WHERE e.type = %s AND e.position > %s "
            "AND e.position <= %s AND EXISTS (SELECT 1 FROM flowdeck_delivery d "
            "WHERE d.position = e.position AND d.processor = %s "
            "AND d.position > %s AND d.position <= %s) ORDER BY e.position LIMIT 1",
            [type_name, after, upto, processor.name, after, upto],
        )
        if found:
            return int(found[0][0])
    return None


@check("every unfinished delivery can run")
def _runnable(scope: Scope) -> Iterator[str]:
    unfinished = rows(
        "SELECT processor, slot, state, key, due_at IS NULL, count(*), min(position) "
        f"FROM flowdeck_due WHERE state {among(*UNFINISHED)} "
        "GROUP BY processor, slot, state, key, due_at IS NULL"
    )
    lanes: dict[str, list[tuple[int, int]]] = {}
    for lane in Lane.objects.all():
        lanes.setdefault(lane.processor, []).append((lane.first_slot, lane.last_slot))
    for processor, slot, state, key, never_due, count, position in unfinished:
        what = f"{count} {state} deliveries of {processor} with key {key} (first: event {position})"
        if processor not in registry.processors:
            yield f"{what}: no installed app declares this processor any more"
        elif not any(first <= slot <= last for first, last in lanes.get(processor, ())):
            yield f"{what}: no lane covers slot {slot}"
        elif slot != slot_of(key):
            yield f"{what}: slot is {slot}, but the key belongs to {slot_of(key)}"
        elif state in WAITING and never_due:
            yield f"{what}: {state} without a time to be due at"
    for processor, state, count in rows(
        "SELECT processor, state, count(*) FROM flowdeck_due "
        f"WHERE state NOT {among(*IN_DUE)} GROUP BY processor, state"
    ):
        yield f"{count} deliveries of {processor} are in the unknown state {state!r}"


@check("every unfinished delivery is of an event that this code knows")
def _known(scope: Scope) -> Iterator[str]:
    waiting = rows(
        "SELECT d.processor, e.type, e.version, count(*), min(d.position) FROM flowdeck_due d "
        f"JOIN flowdeck_event e ON e.position = d.position WHERE d.state {among(*UNFINISHED)} "
        "GROUP BY d.processor, e.type, e.version"
    )
    for processor, type_name, version, count, position in waiting:
        if not registry.knows(type_name, version):
            yield (
                f"{count} deliveries of {processor} wait for code that knows {type_name} "
                f"v{version} (first: event {position})"
            )


@check("no effect twice")
def _effects(scope: Scope) -> Iterator[str]:
    """A handler's events commit with its delivery, so an unfinished delivery can't have any."""
    for after, upto in scope.chunks():
        for position, type_name, processor, state in rows(
            "SELECT e.position, e.type, d.processor, d.state FROM flowdeck_event e "
            "JOIN flowdeck_event c ON c.id = e.causation_id "
            "JOIN flowdeck_delivery d ON d.position = c.position AND d.processor = e.producer "
            f"WHERE e.position > %s AND e.position <= %s AND d.state <> '{DeliveryState.DONE}'",
            [after, upto],
        ):
            yield (
                f"event {position} ({type_name}) was emitted by {processor}, "
                f"whose delivery is {state}"
            )
    for processor, position in rows(
        "SELECT w.processor, w.position FROM flowdeck_due w "
        "JOIN flowdeck_done d ON d.position = w.position AND d.processor = w.processor"
    ):
        yield f"{processor} has two deliveries of event {position}: one is due, one is done"


@check("failures are kept")
def _failures(scope: Scope) -> Iterator[str]:
    for processor, position in rows(
        "SELECT d.processor, d.position FROM flowdeck_due d "
        f"WHERE d.state {among(DeliveryState.DEAD)} AND NOT EXISTS (SELECT 1 "
        "FROM flowdeck_attempt a WHERE a.position = d.position AND a.processor = d.processor)"
    ):
        yield f"the dead letter of {processor} for event {position} has no attempt with an error"


@check("order per key")
def _order(scope: Scope) -> Iterator[str]:
    """Of the parking processors, none has finished a later event before an earlier one of a key."""
    for name, processor in sorted(registry.processors.items()):
        if not processor.parks:
            continue
        for after, upto in scope.chunks():
            for key, position in rows(_OVERTAKEN, [name, name, after, upto]):
                yield f"{name} did event {position} of key {key} while an earlier one still waits"
