"""Checking a living database: does it hold what the invariants promise?

Checks only read, in chunks of positions, so they can run beside the workers. Each looks at events
up to the position at which the verification began, and what is still under way is no violation.
Apps register checks of their own domain with :func:`check`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from flowdeck.database import connection
from flowdeck.declare.registry import Processor, registry, slot_of
from flowdeck.declare.states import IN_DUE, UNFINISHED, WAITING, DeliveryState, among
from flowdeck.errors import CheckImpossible
from flowdeck.letters import floors
from flowdeck.log.positions import newest_position
from flowdeck.models import Lane
from flowdeck.process_managers.declared import flows
from flowdeck.process_managers.replay import differences
from flowdeck.sql.parts import heard_by, rows

CHUNK = 50_000  # positions looked at by one statement

_OVERLAP = 1_000  # positions before a chunk that its times are compared with
_BACKWARD_IN_STREAM = """
SELECT e.position, e.stream FROM flowdeck_event e
  JOIN flowdeck_event b ON b.stream = e.stream AND b.sequence = e.sequence - 1
WHERE e.position > %s AND e.position <= %s AND e.recorded_at < b.recorded_at
  AND NOT EXISTS (
    SELECT 1 FROM flowdeck_importedrange i
    WHERE e.position BETWEEN i.first_position AND i.last_position
      OR b.position BETWEEN i.first_position AND i.last_position)
LIMIT 20
"""
_BACKWARD_IN_LOG = """
SELECT position, recorded_at, newest FROM (
  SELECT position, recorded_at, max(recorded_at) OVER (
    ORDER BY position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS newest
  FROM flowdeck_event e WHERE position > %s AND position <= %s AND NOT EXISTS (
    SELECT 1 FROM flowdeck_importedrange i
    WHERE e.position BETWEEN i.first_position AND i.last_position)) AS seen
WHERE {} LIMIT 20
"""
_A_MINUTE = {
    "postgresql": "recorded_at < newest - interval '60 seconds'",
    "sqlite": "julianday(recorded_at) < julianday(newest) - 60 / 86400.0",
}


_OVERTAKEN = f"""
SELECT e.key, min(d.position) FROM (
  SELECT key, min(position) AS position FROM flowdeck_due
  WHERE processor = %s AND state {among(*UNFINISHED)} GROUP BY key
) AS waiting
  JOIN flowdeck_event e ON e.key = waiting.key AND e.position > waiting.position
  JOIN flowdeck_done d ON d.position = e.position AND d.processor = %s
WHERE e.position > %s AND e.position <= %s GROUP BY e.key
"""


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must not be: which check found it, and what exactly."""

    check: str
    detail: str


@dataclass(frozen=True, slots=True)
class Scope:
    """What a check looks at: positions above ``after`` up to and including ``until``."""

    until: int
    after: int = 0

    def chunks(self) -> Iterator[tuple[int, int]]:
        """Ranges of positions (after, up to), covering all."""
        for after in range(self.after, self.until, CHUNK):
            yield after, min(after + CHUNK, self.until)


Check = Callable[[Scope], Iterator[str]]
_checks: dict[str, Check] = {}


def check(name: str) -> Callable[[Check], Check]:
    """Register the decorated check: it yields one sentence for each violation it finds."""

    def register(function: Check) -> Check:
        _checks[name] = function
        return function

    return register


def verify(
    progress: Callable[[str], None] = lambda name: None,
    impossible: Callable[[str, str], None] = lambda name, reason: None,
) -> Iterator[Violation]:
    """Run all checks; ``progress`` is called with the name of each before it starts.

    ``impossible`` is told which could not be made (it raised CheckImpossible), and why.
    """
    scope = Scope(newest_position())
    for name, function in _checks.items():
        progress(name)
        try:
            for detail in function(scope):
                yield Violation(name, detail)
        except CheckImpossible as error:
            impossible(name, str(error))


@check("sequences without gaps")
def _sequences(scope: Scope) -> Iterator[str]:
    # One statement is one snapshot: heads and events of the same moment.
    for stream, head, count, lowest, highest, archived in rows(
        """
        SELECT coalesce(s.name, e.stream), s.head, coalesce(e.n, 0), e.low, e.high,
          coalesce(a.upto, 0)
        FROM flowdeck_stream s FULL JOIN (
          SELECT stream, count(*) AS n, min(sequence) AS low, max(sequence) AS high
          FROM flowdeck_event GROUP BY stream
        ) AS e ON e.stream = s.name
        LEFT JOIN (
          SELECT stream, max(upto) AS upto FROM flowdeck_archivedstream GROUP BY stream
        ) AS a ON a.stream = s.name
        WHERE s.head IS NULL OR s.head <> coalesce(e.n, 0) + coalesce(a.upto, 0)
          OR e.low <> coalesce(a.upto, 0) + 1 OR e.high <> s.head
        """
    ):
        yield (
            f"stream {stream}: head is {head}, but it has {count} events "
            f"with sequences {lowest} to {highest}, and {archived} in archives"
        )


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
    """Events of the type that the processor should have got: all since the first that it did."""
    first = _first_delivered(scope, processor, type_name)
    if first is None:
        return
    heard, parameters = heard_by(processor, type_name)
    for after, upto in scope.chunks():
        if upto < first:
            continue
        for (position,) in rows(
            f"SELECT e.position FROM flowdeck_event e WHERE {heard} "
            "AND e.position > %s AND e.position <= %s AND e.position >= %s AND NOT EXISTS ("
            "SELECT 1 FROM flowdeck_delivery d WHERE d.position = e.position AND d.processor = %s "
            "AND d.position > %s AND d.position <= %s)",  # or all that is done would be joined
            [*parameters, after, upto, first, processor.name, after, upto],
        ):
            yield f"event {position} ({type_name}) has no delivery for {processor.name}"


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


@check("states of processes follow from their events")
def _processes(scope: Scope) -> Iterator[str]:
    for name in sorted(flows):
        yield from differences(name)


@check("lanes divide the slots")
def _lanes(scope: Scope) -> Iterator[str]:
    covered: dict[str, list[int]] = {}
    for lane in Lane.objects.order_by("processor", "first_slot"):
        covered.setdefault(lane.processor, []).extend(range(lane.first_slot, lane.last_slot + 1))
    for processor, slots in covered.items():
        if slots != list(range(1024)):
            yield f"the lanes of {processor} overlap or leave slots out"


@check("no work below a lane's floor")
def _floors(scope: Scope) -> Iterator[str]:
    for lane, processor, position in floors.wrong():
        yield f"lane {lane} of {processor}: event {position} is below its floor"


@check("times run as the log does")
def _times(scope: Scope) -> Iterator[str]:
    """Within a stream they never run backward, across the log not by more than a minute.

    What was imported is passed over: it keeps the times that it had elsewhere.
    """
    for after, upto in scope.chunks():
        for position, stream in rows(_BACKWARD_IN_STREAM, [after, upto]):
            yield f"event {position} was recorded before the one before it in {stream}"
        before = max(scope.after, after - _OVERLAP)
        for position, recorded, newest in rows(
            _BACKWARD_IN_LOG.format(_A_MINUTE[connection.vendor]), [before, upto]
        ):
            yield (
                f"event {position} was recorded at {recorded}, behind one recorded at {newest}: "
                "a clock was wrong"
            )


@check("every event but a first one has a cause in its trace")
def _causes(scope: Scope) -> Iterator[str]:
    for after, upto in scope.chunks():
        for position, type_name in rows(
            "SELECT e.position, e.type FROM flowdeck_event e LEFT JOIN flowdeck_event c "
            "ON c.id = e.causation_id AND c.correlation_id = e.correlation_id "
            "AND c.position < e.position WHERE e.causation_id IS NOT NULL "
            "AND e.position > %s AND e.position <= %s AND c.position IS NULL",
            [after, upto],
        ):
            yield f"event {position} ({type_name}): its cause is not an earlier event of its trace"


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
        if processor.on_dead != "park":
            continue
        for after, upto in scope.chunks():
            for key, position in rows(_OVERTAKEN, [name, name, after, upto]):
                yield f"{name} did event {position} of key {key} while an earlier one still waits"
