"""An overview of the processors: one row each, in a constant number of bounded queries.

What can't be known cheaply is None (pages show a dash), never 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet

from flowdeck import clock
from flowdeck.bells import reach, silence
from flowdeck.declare.limits import Limits
from flowdeck.declare.registry import Processor, registry
from flowdeck.declare.states import DeliveryState
from flowdeck.models import FlowControl, ProcessorState, SilentBell, Worker
from flowdeck.observe import current
from flowdeck.observe.current import Moment
from flowdeck.observe.lane_state import LaneState
from flowdeck.processes import worker_name

_ALIVE = timedelta(seconds=15)  # workers say every 5 s that they are alive
_SILENCE = timedelta(seconds=5)  # Redis may be restarted without a word
_PATIENCE = timedelta(seconds=10)  # work may be due that long before anybody is missed


@dataclass(frozen=True, slots=True)
class ProcessorRow:
    """One processor. ``declared`` is None for one that only the database still knows.

    ``waiting`` counts what is not settled yet, ``oldest_at`` is when the oldest of it was recorded.
    ``per_second`` is how many were done per second lately; None if that is not known. Counts stop
    at ``current.COUNTED``. Of one that is limited ``leased`` are in the air, ``limits`` hold now,
    ``next_start`` is when the next may start, ``rests_until`` how long its breaker is open, if they
    lie ahead; ``control`` is its row.
    """

    name: str
    declared: Processor | None
    paused_at: datetime | None
    paused_by: str
    pause_reason: str
    waiting: int
    retrying: int
    sleeping: int
    dead: int
    oldest_at: datetime | None
    per_second: float | None
    lanes: int
    leased: int
    workers: tuple[str, ...]
    lane_states: tuple[LaneState, ...] = ()
    limits: Limits | None = None
    next_start: datetime | None = None
    rests_until: datetime | None = None
    control: FlowControl | None = None

    @property
    def held(self) -> int:
        """How many of its lanes a worker holds."""
        return sum(lane.state != "free" for lane in self.lane_states)

    @property
    def at_least(self) -> bool:
        """Whether ``waiting`` is only the lower bound."""
        return self.waiting >= current.COUNTED

    @property
    def state(self) -> str:
        """The word for it: paused, retrying, running, sleeping or idle."""
        if self.paused_at is not None:
            return "paused"
        if self.retrying:
            return DeliveryState.RETRYING
        if self.waiting > self.sleeping:
            return DeliveryState.RUNNING
        return DeliveryState.SLEEPING if self.sleeping else "idle"


@dataclass(frozen=True, slots=True)
class Totals:
    """Figures of all processors, and the bytes that the workers hold.

    What is not known of one is not known of all: None. ``at_least`` and ``held_at_least`` say that
    ``waiting``, or ``retrying`` and ``dead``, are lower bounds.
    """

    per_second: float | None
    waiting: int
    at_least: bool
    oldest_at: datetime | None
    retrying: int
    dead: int
    held_at_least: bool
    memory: int | None


@dataclass(frozen=True, slots=True)
class Overview:
    """All processors and the workers alive. ``nobody_works`` is a warning that is true.

    ``silent_since`` is since when this process can ring no bell; None if it can.
    """

    rows: list[ProcessorRow]
    workers: list[Worker]
    as_of: datetime
    idle_since: datetime | None = None
    silent_since: datetime | None = None

    @property
    def cut_off(self) -> list[Worker]:
        """Workers that have not reached Redis or the broker for some seconds."""
        return [worker for worker in self.workers if is_cut_off(worker, self.as_of)]

    @property
    def cut_off_since(self) -> datetime | None:
        """Since when the first of them has not."""
        return min((one.cut_off_since for one in self.cut_off if one.cut_off_since), default=None)

    @property
    def silent(self) -> list[SilentBell]:
        """Other processes that can ring no bell, but workers of which it is told; one query."""
        told = {worker.name for worker in self.cut_off} | {worker_name()}
        return [one for one in silence.silent_lately() if one.name not in told]

    @property
    def lanes_of(self) -> dict[str, list[str]]:
        """Per worker alive the lanes that it holds, as ``customs 3``."""
        found: dict[str, list[str]] = {worker.name: [] for worker in self.workers}
        for row in self.rows:
            for lane in row.lane_states:
                if lane.state != "free" and lane.worker in found:
                    found[lane.worker].append(f"{row.name} {lane.number}")
        return found

    @property
    def totals(self) -> Totals:
        """The figures of all rows together."""
        rates = [row.per_second for row in self.rows]
        memory = [worker.memory for worker in self.workers]
        return Totals(
            per_second=None if None in rates else sum(rate for rate in rates if rate is not None),
            waiting=sum(row.waiting for row in self.rows),
            at_least=any(row.at_least for row in self.rows),
            oldest_at=min((row.oldest_at for row in self.rows if row.oldest_at), default=None),
            retrying=sum(row.retrying for row in self.rows),
            dead=sum(row.dead for row in self.rows),
            held_at_least=any(max(row.retrying, row.dead) >= current.COUNTED for row in self.rows),
            memory=None
            if None in memory or not memory
            else sum(one for one in memory if one is not None),
        )

    @property
    def nobody_works(self) -> bool:
        """Whether work has been due for long enough that somebody should have taken it."""
        return self.idle_since is not None


def processors() -> list[ProcessorRow]:
    """One row per declared processor, by name."""
    return overview().rows


def overview() -> Overview:
    """All of it in three queries, or eight if nobody has counted lately; one more if any is
    limited."""
    now, found = clock.now(), current.moment()
    names = sorted(registry.processors)
    states = {state.name: state for state in ProcessorState.objects.filter(name__in=names)}
    workers = list(alive_workers(now))
    controls = controls_of(names)
    rows = [_row(name, found, states.get(name), controls.get(name), now) for name in names]
    return Overview(
        rows=rows,
        workers=workers,
        as_of=now,
        idle_since=None if workers else _idle_since(rows, found.last_at, now),
        silent_since=_silent_since(now),
    )


def controls_of(names: Iterable[str]) -> dict[str, FlowControl]:
    """The rows of those that are limited; one query, or none without such."""
    found = registry.processors
    limited = [name for name in names if name in found and found[name].limited]
    return FlowControl.objects.in_bulk(limited) if limited else {}


def alive_workers(now: datetime) -> QuerySet[Worker]:
    """Those that hear bells and have said so lately, by name."""
    return Worker.objects.filter(seen_at__gt=now - _ALIVE, hears=True).order_by("name")


def other_workers(now: datetime) -> QuerySet[Worker]:
    """Those alive that hear other queues only, by name: they do none of our work."""
    return Worker.objects.filter(seen_at__gt=now - _ALIVE, hears=False).order_by("name")


def is_cut_off(worker: Worker, now: datetime) -> bool:
    """Whether ``worker`` has not reached Redis or the broker for longer than a restart takes."""
    since = worker.cut_off_since
    return since is not None and since < now - _SILENCE


def cut_off_workers() -> list[Worker]:
    """Those of the workers alive that are, in one query."""
    now = clock.now()
    return [worker for worker in alive_workers(now) if is_cut_off(worker, now)]


def _silent_since(now: datetime) -> datetime | None:
    seconds = reach.silent_for()
    return (
        None
        if seconds is None or seconds < _SILENCE.total_seconds()
        else now - timedelta(seconds=seconds)
    )


def _row(
    name: str,
    found: Moment,
    state: ProcessorState | None,
    control: FlowControl | None,
    now: datetime,
) -> ProcessorRow:
    one, declared = found.by[name], registry.processors.get(name)
    limits = declared.limits if declared else None
    next_start = control.next_at if control else None
    rests = control.open_until if control else None
    return ProcessorRow(
        name=name,
        declared=declared,
        paused_at=state.paused_at if state else None,
        paused_by=state.paused_by if state else "",
        pause_reason=state.pause_reason if state else "",
        waiting=one.waiting,
        retrying=one.retrying,
        sleeping=one.sleeping,
        dead=one.dead,
        oldest_at=one.oldest_at,
        per_second=found.per_second(name),
        lanes=len(one.lanes),
        leased=one.leased,
        workers=one.workers,
        lane_states=one.lanes,
        limits=control.in_force(limits) if control else limits,
        next_start=next_start if next_start and next_start > now else None,
        rests_until=rests if rests and rests > now else None,
        control=control,
    )


def _idle_since(
    rows: Iterable[ProcessorRow], last_at: datetime | None, now: datetime
) -> datetime | None:
    """Since when work is due that nobody takes; None if that is not so."""
    if last_at is not None and last_at > now - _PATIENCE:
        return None  # somebody works who does not say so: `manage.py drain`
    oldest = [row.oldest_at for row in rows if row.oldest_at and row.paused_at is None]
    since = min(oldest, default=now)
    return since if since < now - _PATIENCE else None
