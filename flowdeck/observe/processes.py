"""Processes as they are read: where instances stand, which ways they go, and one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min, Q, QuerySet

from flowdeck import clock
from flowdeck.declare.registry import registry, slot_of
from flowdeck.declare.states import HOLDING
from flowdeck.models import Due, Event, ProcessInstance, ProcessStep, Timer
from flowdeck.process_managers.declared import flows, names, newest

PAGE = 50
WINDOW = timedelta(hours=1)
"""Over which ways are counted."""
_COUNTED = 20_000  # newest steps of the window that are looked at
_PATH = 200  # steps of one instance
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Standing:
    """One step: how many instances are in it, or ended there within a day; since when the one
    that has not moved for longest is."""

    count: int = 0
    oldest_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Way:
    """How often instances went from one step to another lately, by which event."""

    source: str
    target: str
    type: str
    count: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which instances: those in ``step`` whose key begins with ``key``, the ``newest`` first
    instead of those that have not moved for longest."""

    step: str = ""
    key: str = ""
    newest: bool = False


@dataclass(frozen=True, slots=True)
class Trouble:
    """A delivery that holds an instance up: of whom, in which state, until when; its letter."""

    processor: str
    state: str
    due_at: datetime | None
    letter: int | None
    attempts: int


@dataclass(frozen=True, slots=True)
class Row:
    """An instance, what it waits for (types of events), what holds that up, its open timers.

    ``timers`` are in the order in which they are due.
    """

    row: ProcessInstance
    awaited: list[str]
    trouble: Trouble | None
    timers: list[Timer]

    @property
    def next_timer(self) -> Timer | None:
        """The one that is due first."""
        return next(iter(self.timers), None)


def counts() -> dict[str, int]:
    """How many instances of each declared process are under way; one query."""
    rows = ProcessInstance.objects.filter(process__in=list(flows), ended_at=None).exclude(step="")
    found = _busy(rows).order_by().values_list("process").annotate(n=Count("*"))
    return {**dict.fromkeys(names(), 0), **dict(found)}


def _busy(rows: QuerySet[ProcessInstance]) -> QuerySet[ProcessInstance]:
    """Without keys of patterns that no event of the past can matter for any more."""
    for name in names():
        idle_after = newest(name).idle_after
        if idle_after is not None:
            long_ago = clock.now() - idle_after
            rows = rows.exclude(process=name, changed_at__lt=long_ago, timers={})
    return rows


def standing_still(before: datetime, process: str = "") -> QuerySet[ProcessInstance]:
    """Instances, of all processes or one, that have not moved since and wait for no timer, those
    that have not for longest first."""
    chosen = {"process": process} if process else {"process__in": list(flows)}
    rows = ProcessInstance.objects.filter(ended_at=None, changed_at__lt=before, timers={}, **chosen)
    return _busy(rows.exclude(step="")).order_by("changed_at")


def standing(process: str) -> dict[str, Standing]:
    """Where its instances stand, by step; two queries by index."""
    rows = ProcessInstance.objects.filter(process=process).order_by()
    running = _busy(rows.filter(ended_at=None).exclude(step="")).values_list("step")
    ended = rows.filter(ended_at__gt=clock.now() - _DAY, stopped_by="").values_list("step")
    found = {
        step: Standing(count, oldest)
        for step, count, oldest in running.annotate(n=Count("*"), oldest=Min("changed_at"))
    }
    return found | {step: Standing(count) for step, count in ended.annotate(n=Count("*"))}


def ways(process: str) -> list[Way]:
    """Which ways instances went within the window, of the newest steps; one query."""
    steps = ProcessStep.objects.filter(
        process=process, at__gt=clock.now() - WINDOW, note="", position__isnull=False
    )
    newest_ones = steps.order_by("-at").values_list("from_step", "to_step", "type")[:_COUNTED]
    return [Way(*way, count) for way, count in sorted(Counter(newest_ones).items())]


def passed_over(process: str) -> list[tuple[str, int]]:
    """Why events of the last day changed nothing, and how many: of the newest; one query."""
    steps = ProcessStep.objects.filter(
        process=process, at__gt=clock.now() - _DAY, position__isnull=False
    ).exclude(note="")
    notes = steps.order_by("-at").values_list("note", flat=True)[:_COUNTED]
    return sorted(Counter(notes).items())


def instances(process: str, wanted: Wanted, skip: int = 0) -> tuple[list[Row], bool]:
    """A page of instances that fit, and whether there are more; four queries."""
    rows = ProcessInstance.objects.filter(process=process).exclude(step="")
    if wanted.step:
        rows = rows.filter(step=wanted.step)
    if wanted.key:
        rows = rows.filter(key__startswith=wanted.key)
    if wanted.step not in newest(process).ends:
        rows = rows.filter(ended_at=None)
    order = ("-changed_at", "key") if wanted.newest else ("changed_at", "key")
    found = list(rows.order_by(*order)[skip : skip + PAGE + 1])
    return _with_all(process, found[:PAGE]), len(found) > PAGE


def instance(process: str, key: str) -> Row | None:
    """One of them."""
    found = ProcessInstance.objects.filter(process=process, key=key).exclude(step="").first()
    return _with_all(process, [found])[0] if found else None


def path(process: str, key: str) -> list[ProcessStep]:
    """The way it has gone, the newest steps last."""
    steps = ProcessStep.objects.filter(process=process, key=key).order_by("-id")[:_PATH]
    return list(reversed(steps))


def said(process: str, steps: Sequence[ProcessStep]) -> dict[int, list[Event]]:
    """What it emitted, by the position of the cause; two queries."""
    positions = [one.position for one in steps if one.position is not None]
    causes = dict(Event.objects.filter(position__in=positions).values_list("id", "position"))
    found: dict[int, list[Event]] = {}
    effects = Event.objects.filter(causation_id__in=list(causes), producer=process)
    for event in effects.order_by("position"):
        assert event.causation_id is not None
        found.setdefault(causes[event.causation_id], []).append(event)
    return found


def _with_all(process: str, rows: list[ProcessInstance]) -> list[Row]:
    flow, troubles = newest(process), _troubles(process, [row.key for row in rows])
    ids = {timer["event_id"]: row.key for row in rows for timer in row.timers.values()}
    streams = {timer["stream"] for row in rows for timer in row.timers.values()}
    # By stream, too: that has an index.
    found = Timer.objects.filter(scope__in=streams, event_id__in=list(ids), ended_at=None)
    timers: dict[str, list[Timer]] = {}
    for timer in found.order_by("due_at"):
        timers.setdefault(ids[str(timer.event_id)], []).append(timer)
    return [
        Row(
            row=row,
            awaited=[type_ for at, type_ in flow.expected if at == row.step and not row.ended_at],
            trouble=None if row.ended_at else troubles.get(row.key),
            timers=timers.get(row.key, []),
        )
        for row in rows
    ]


def _troubles(process: str, keys: Collection[str]) -> Mapping[str, Trouble]:
    """What holds up each key at the process itself, or at those whom it waits for."""
    names = {process, *_answerers(process)}
    held = Due.objects.filter(
        Q(state__among=HOLDING),
        processor__in=names,
        slot__in={slot_of(key) for key in keys},
        key__in=list(keys),
    )
    return {
        row.key: Trouble(row.processor, row.state, row.due_at, row.letter, row.attempts)
        for row in held.order_by("-event_id")
    }


def _answerers(process: str) -> set[str]:
    """Who says that it emits what the process listens to."""
    heard = newest(process).types
    return {
        name
        for name, declared in registry.processors.items()
        if declared.emits is not None and heard.intersection(declared.emits)
    }
