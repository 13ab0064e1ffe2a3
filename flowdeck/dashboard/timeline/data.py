"""What the timeline shows at one moment, read in a constant number of bounded queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from flowdeck import clock
from flowdeck.dashboard.timeline.bands import bands
from flowdeck.dashboard.timeline.density import Strip, density, strip
from flowdeck.dashboard.timeline.flags import flags
from flowdeck.dashboard.timeline.lanes import lay_out
from flowdeck.dashboard.timeline.shapes import NOW, WINDOWS, Drawing, Flag, Lane, Window
from flowdeck.database import connection
from flowdeck.declare.registry import registry
from flowdeck.declare.states import HOLDING, DeliveryState, among
from flowdeck.log.positions import SLACK, first_since, newest_position
from flowdeck.models import Attempt, Delivery, Done, Event, ProcessorState
from flowdeck.models import Lane as StoredLane
from flowdeck.observe import rates
from flowdeck.observe.causes import build_trace
from flowdeck.observe.states import derive
from flowdeck.observe.traces import Trace

MOST = 200
"""Events drawn one by one; a window with more of them shows counts. It bounds the page's size."""
_LONG = timedelta(hours=1)
LANES = 8
"""Processors with a lane of their own unless more are asked for; those in trouble always have."""

_HELD = f"""
SELECT processor, state, count(*) FROM (
  SELECT processor, state FROM flowdeck_due WHERE state {among(*HOLDING)} LIMIT 5000
) AS held GROUP BY processor, state
"""

Trouble = dict[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for: seconds, the position selected, the end of the window if not now, and
    whether all lanes are to be unfolded."""

    seconds: int = 15
    selected: int | None = None
    until: datetime | None = None
    unfolded: bool = False


@dataclass(frozen=True, slots=True)
class Head:
    """A lane with what stands before it: its state, if it has one to say."""

    lane: Lane
    state: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Everything. ``dense`` shows counts; ``cut``: the beginning of the window is not counted.
    ``as_of`` is up to when there are counts, if that is long ago."""

    window: Window
    drawing: Drawing
    heads: list[Head]
    strip: Strip
    selected: Event | None
    folded: list[str]
    dense: bool
    cut: bool
    as_of: datetime | None
    follows: bool
    flags: list[Flag]

    @classmethod
    def load(cls, wanted: Wanted) -> Timeline:
        """As it is now. A selected event holds the window when it gets to its middle."""
        now = clock.now()
        seconds, position = wanted.seconds, wanted.selected
        selected = Event.objects.filter(position=position).first() if position else None
        window = Window(seconds, _end(wanted, selected, now))
        follows = window.until == now
        trouble = _trouble() if follows else {}
        quiet = _quiet(now) if follows else _was_quiet(window.until)
        paused = [name for name, (state, _) in trouble.items() if state == DeliveryState.PARKED]
        waits = bands(window, list(registry.processors), paused, follows=follows)
        kept = {*trouble, *waits}
        names, folded = _fold(list(registry.processors), kept, quiet, wanted.unfolded)
        events = [] if seconds == max(WINDOWS) else _newest(selected, window, now)
        dense, found = seconds == max(WINDOWS) or _too_many(events, window), None
        if not dense:
            late = _ended_late(events, window)
            dense = len(late) > MOST
            events = [*Event.objects.filter(position__in=late).order_by("position"), *events]
        if dense:
            drawing, found = density(window, names, folded, waits)
        else:
            at = selected.position if selected is not None else None
            drawing = lay_out(_trace(events), window, names, folded, at, waits)
        heads = [Head(lane, *trouble.get(lane.name, ("", ""))) for lane in drawing.lanes]
        return cls(
            window=window,
            drawing=drawing,
            heads=heads,
            strip=strip(now, window),
            selected=selected,
            folded=folded,
            dense=dense,
            cut=found is not None and found.cut,
            as_of=found.late if found else None,
            follows=follows,
            flags=flags(window),
        )

    @property
    def words_at(self) -> float:
        """Percent at which the words of a band end, before the line of now."""
        return round(self.window.shift + NOW - 0.8, 2)


def _end(wanted: Wanted, selected: Event | None, now: datetime) -> datetime:
    if wanted.until is not None:
        return min(now, wanted.until)
    if selected is not None:
        return min(now, selected.recorded_at + timedelta(seconds=wanted.seconds * 0.45))
    return now


def _quiet(now: datetime) -> frozenset[str]:
    """Processors that nobody has worked for in the last hour; none if that is so for all."""
    recent = StoredLane.objects.filter(claimed_at__gt=now - _LONG).order_by()
    busy = set(recent.values_list("processor", flat=True).distinct())
    return frozenset(set(registry.processors) - busy) if busy else frozenset()


def _was_quiet(until: datetime) -> frozenset[str]:
    """The same of the hour before a past moment."""
    busy = rates.done(rates.between(until - _LONG, until)).by.keys()
    return frozenset(set(registry.processors) - busy) if busy else frozenset()


def _fold(
    names: list[str], kept: Collection[str], quiet: frozenset[str], unfolded: bool
) -> tuple[list[str], list[str]]:
    """Names with a lane and names without. By name, quiet ones last, but not by how busy they are:
    lanes stay put."""
    if unfolded or len(names) <= LANES + 1:
        return names, []
    first = set([name for name in names if name not in quiet][:LANES])
    shown = [name for name in names if name in first or name in kept]
    return shown, [name for name in names if name not in shown]


def _newest(selected: Event | None, window: Window, now: datetime) -> list[Event]:
    """The newest events by position, one more than can be drawn; those around a selected one."""
    chosen = Event.objects.order_by("-position")
    if window.until < now:
        chosen = chosen.filter(position__lt=first_since(window.until + SLACK))
    if selected is not None:
        chosen = chosen.filter(position__lte=selected.position + MOST // 2)
    return list(chosen[: MOST + 1])[::-1]


def _ended_late(events: list[Event], window: Window) -> set[int]:
    """Positions of events before these of which a delivery or an attempt ended in the window.

    Of too many only one more than can be drawn.
    """
    before = events[0].position if events else newest_position() + 1
    ended = {
        "event_id__lt": before,
        "finished_at__gte": window.since,
        "finished_at__lte": window.until,
    }
    found: set[int] = set()
    for model in (Done, Attempt):
        rows = model._default_manager.filter(**ended).order_by()
        found.update(rows.values_list("event_id", flat=True)[: MOST + 1])
    return found


def _too_many(events: list[Event], window: Window) -> bool:
    return len(events) > MOST and events[0].recorded_at >= window.since


def _trace(events: list[Event]) -> Trace | None:
    if not events:
        return None
    rows = {event.position: event for event in events}
    deliveries = list(Delivery.objects.filter(event_id__in=list(rows)))
    for delivery in deliveries:
        delivery.event = rows[delivery.event_id]
    return build_trace(events, deliveries, _failures(deliveries), derive(deliveries))


def _failures(deliveries: list[Delivery]) -> dict[tuple[int, str], list[Attempt]]:
    """Failed attempts, without their long texts."""
    found: dict[tuple[int, str], list[Attempt]] = defaultdict(list)
    tried = {
        d.event_id
        for d in deliveries
        if d.attempts > 1 or (d.attempts and d.state != DeliveryState.DONE)
    }
    rows = Attempt.objects.filter(event_id__in=tried).defer("traceback", "message")
    for failure in rows.order_by("number", "id"):
        found[failure.delivery_pk].append(failure)
    return found


def _trouble() -> Trouble:
    """State and words of processors with something to say: what needs a person comes first."""
    with connection.cursor() as cursor:
        cursor.execute(_HELD)
        held = {(name, state): n for name, state, n in cursor.fetchall()}
    paused = ProcessorState.objects.filter(paused_at__isnull=False).values_list("name", flat=True)
    found = dict.fromkeys(paused, (str(DeliveryState.PARKED), "paused"))
    for state in HOLDING:
        found |= {
            name: (state, f"{n:,} {state}") for (name, kind), n in held.items() if kind == state
        }
    return found
