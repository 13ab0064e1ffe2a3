"""What is read about processors and the deliveries that wait for them: set-based, by index."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flowdeck import clock
from flowdeck.database import connection
from flowdeck.declare.states import HOLDING, UNFINISHED, DeliveryState, among
from flowdeck.letters.held_back import behind
from flowdeck.models import (
    Attempt,
    Clock,
    Delivery,
    Due,
    Event,
    FlowControl,
    Lane,
    ProcessorState,
    Worker,
)
from flowdeck.observe.overview import alive_workers, controls_of, other_workers
from flowdeck.observe.states import holding_back
from flowdeck.observe.traces import DeliveryNode
from flowdeck.sql.parts import placeholders
from flowdeck.sql.parts import rows as sql_rows

COUNTED = 5_000
"""Deliveries ahead of one that are counted; as many mean "at least"."""
_HOLDERS = 1_000
_PATIENCE = timedelta(seconds=10)
Key = tuple[str, str]
_WAITING = f"d.state {among(*UNFINISHED)} AND d.state <> '{DeliveryState.SLEEPING}'"
# On PostgreSQL the index of what is due is by sixteenth of the slots, so each is looked at in the
# order of positions; SQLite's is by position.
_OF_EACH = {
    "postgresql": "generate_series(0, 15) AS band, LATERAL ({rows}) AS of_band",
    "sqlite": "({rows}) AS of_all",
}
_BAND = {"postgresql": "AND d.slot >> 6 = band", "sqlite": ""}
_AHEAD = f"""
SELECT d.position FROM flowdeck_due d
WHERE d.processor = asked.name AND {_WAITING} {{band}} AND d.position < asked.position
LIMIT {COUNTED}
"""
_FIRST = f"""
SELECT d.position FROM flowdeck_due d WHERE d.processor = %s AND {_WAITING} {{band}}
ORDER BY d.position LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Held:
    """A delivery that waits or is dead, with what of its event can be told."""

    position: int
    processor: str
    key: str
    slot: int
    state: str
    attempts: int
    due_at: datetime | None
    finished_at: datetime | None
    letter: int | None
    type: str
    version: int
    stream: str
    recorded_at: datetime

    @classmethod
    def of(cls, row: Due | Delivery, event: Event) -> Held:
        """From its row, and that of its event."""
        return cls(
            position=event.position,
            processor=row.processor,
            key=row.key or event.key,
            slot=row.slot if row.slot is not None else -1,
            state=row.state,
            attempts=row.attempts,
            due_at=row.due_at,
            finished_at=row.finished_at,
            letter=row.letter,
            type=event.type,
            version=event.version,
            stream=event.stream,
            recorded_at=event.recorded_at,
        )

    @property
    def what(self) -> str:
        """The event in words."""
        return f"{self.type} of {self.stream}"


@dataclass(frozen=True, slots=True)
class Ground:
    """Switches, limits and lanes of processors, and the workers alive; ``deaf`` hear other queues.

    ``holders`` are the deliveries that hold back a key, the first of each; ``failures`` the last
    failed attempts, by position and processor; ``behind`` how many deliveries wait behind a dead
    letter or holder, and ``ahead`` how many of each processor come before the first that is asked
    about.
    """

    now: datetime
    paused: Mapping[str, ProcessorState]
    controls: Mapping[str, FlowControl]
    lanes: Mapping[str, Sequence[Lane]]
    workers: Sequence[Worker]
    deaf: Sequence[Worker]
    clock: Clock | None
    holders: Mapping[Key, Held]
    failures: Mapping[tuple[int, str], Attempt]
    behind: Mapping[tuple[int, str], int]
    ahead: Mapping[str, int]

    def lane_of(self, processor: str, slot: int) -> Lane | None:
        """The lane that a slot lies in."""
        for lane in self.lanes.get(processor, ()):
            if lane.first_slot <= slot <= lane.last_slot:
                return lane
        return None

    def nobody_works(self, processor: str) -> bool:
        """Whether no worker is alive, and nobody else (`manage.py drain`) has come lately."""
        if self.workers:
            return False
        since = self.now - _PATIENCE
        claims = [one.claimed_at for one in self.lanes.get(processor, ()) if one.claimed_at]
        return not any(claimed > since for claimed in claims)


def read(names: Collection[str], rows: Sequence[Held] = ()) -> Ground:
    """About these processors, and what holds back the keys of these deliveries; ten queries."""
    names = sorted({*names, *(row.processor for row in rows)})
    now = clock.now()
    holders = _holders(rows)
    known = {(row.position, row.processor): row for row in (*rows, *holders.values())}
    lanes: dict[str, list[Lane]] = defaultdict(list)
    for lane in Lane.objects.filter(processor__in=names).defer("last_exception"):
        lanes[lane.processor].append(lane)
    return Ground(
        now=now,
        paused=ProcessorState.objects.filter(paused_at__isnull=False).in_bulk(names),
        controls=controls_of(names),
        lanes=lanes,
        workers=list(alive_workers(now)),
        deaf=list(other_workers(now)),
        clock=Clock.objects.first(),
        holders=holders,
        failures=_failures(known.values()),
        behind=_behind(known.values()),
        ahead=_ahead(rows),
    )


def first_waiting(name: str, most: int) -> list[int]:
    """Positions of the oldest that wait for a processor and do not sleep; one query."""
    statement = f"SELECT position FROM {_by_band(_FIRST)} ORDER BY position LIMIT %s"
    return [row[0] for row in sql_rows(statement, [name, most, most])]


def _ahead(rows: Sequence[Held]) -> dict[str, int]:
    """How many unfinished ones come before the first of each processor, bounded; one query."""
    first: dict[str, int] = {}
    for row in rows:
        if row.state in UNFINISHED:
            first[row.processor] = min(row.position, first.get(row.processor, row.position))
    if not first:
        return {}
    asked = placeholders(first, "(CAST(%s AS text), CAST(%s AS bigint))")
    counted = f"SELECT 1 FROM {_by_band(_AHEAD)} LIMIT {COUNTED}"
    statement = (
        f"WITH asked(name, position) AS (VALUES {asked}) "
        f"SELECT asked.name, (SELECT count(*) FROM ({counted}) AS counted) FROM asked"
    )
    values = [value for pair in sorted(first.items()) for value in pair]
    return {name: int(number) for name, number in sql_rows(statement, values)}


def _by_band(statement: str) -> str:
    kind = connection.vendor
    return _OF_EACH[kind].format(rows=statement.format(band=_BAND[kind]))


def _holders(rows: Sequence[Held]) -> dict[Key, Held]:
    """The first of each key that holds the later ones back; one query."""
    waiting = [row for row in rows if row.state in UNFINISHED]
    if not waiting:
        return {}
    found = (
        holding_back([(row.processor, row.slot, row.key) for row in waiting])
        .select_related("event")
        .defer("event__data", "event__metadata")
        .order_by("event_id")
    )
    first: dict[Key, Held] = {}
    for row in found[:_HOLDERS]:
        first.setdefault((row.processor, row.key), Held.of(row, row.event))
    return first


def _failures(rows: Iterable[Held]) -> dict[tuple[int, str], Attempt]:
    """The last failed attempt of each; one query."""
    tried = {row.position for row in rows if row.attempts}
    failures = Attempt.objects.filter(event_id__in=tried).order_by("number", "id")
    return {one.delivery_pk: one for one in failures.defer("traceback")}


def _behind(rows: Iterable[Held]) -> dict[tuple[int, str], int]:
    """How many wait behind those that hold something back; one query."""
    holding = [row for row in rows if row.state in HOLDING]
    asked = [
        Due(
            event_id=row.position,
            processor=row.processor,
            key=row.key,
            slot=row.slot,
            state=row.state,
        )
        for row in holding
    ]
    return behind(asked) if asked else {}


def held_of(node: DeliveryNode) -> Held:
    """Of a delivery as a trace has it."""
    return Held.of(node.row, node.event.row)
