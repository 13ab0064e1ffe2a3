"""Lesson 5: order per key, and what arrives without it."""

from __future__ import annotations

from typing import Any

from django.db.models import Max, Min

from flowdeck import Draft, publish
from flowdeck.extend import DeliveryState, LogAttempt, LogDelivery, LogEvent, duration
from lab.lesson import Cell, Evidence, Lesson, Question
from lab.measured import picture, trace_of
from lab.models import LabRun
from lab.sandbox import ARRIVALS, LabStepScattered, LabStepTaken

_STEPS = 8
_STUMBLES = (2, 5)
_TYPES = ("LabStepTaken", "LabStepScattered")


def _start(user: Any, run: LabRun) -> dict[str, Any]:
    drafts = []
    for n in range(1, _STEPS + 1):
        stumbles = n in _STUMBLES
        kept = LabStepTaken(run_id=run.pk, n=n, stumbles=stumbles)
        token = f"{run.pk}-{n}"
        lost = LabStepScattered(run_id=run.pk, n=n, token=token, stumbles=stumbles)
        drafts += [
            Draft(kept, stream=f"lab-{run.pk}", correlation_id=run.trace),
            Draft(lost, stream=f"lab-{run.pk}-scattered", correlation_id=run.trace),
        ]
    publish(*drafts, producer="lab")
    return {"trace": str(run.trace)}


def _evidence(run: LabRun) -> Evidence:
    kept, scattered = (_arrived(run, name) for name in _TYPES)
    trace = trace_of(run)
    found = Evidence(("Measured", "Order kept by the stream", "A key each", "Why"))
    found.settled = len(kept) == len(scattered) == _STEPS
    both = (kept, scattered)
    found.add("Published", *(_published(run, name) for name in _TYPES), "at once, in order")
    found.add("Failed at first", *(_failed(run, name) for name in _TYPES), "tried again later")
    found.add("Handled", *(" ".join(map(str, one)) or "–" for one in both), "by time, from the log")
    found.add("Out of order", *map(_swapped, both), "overtaken by a later one")
    found.add("All done after", *(_took(run, name) for name in _TYPES), "the price of order")
    found.pictures.append(picture("16 steps", "the same handler for both", trace))
    if found.settled:
        found.conclusion = (
            f"With the stream as the key nothing overtook; with a key each, "
            f"{_overtaken(scattered)} came too late."
        )
    return found


def _published(run: LabRun, type_name: str) -> str:
    events = LogEvent.objects.filter(type=type_name, correlation_id=run.trace)
    return " ".join(str(event.data["n"]) for event in events.order_by("position")) or "–"


def _failed(run: LabRun, type_name: str) -> str:
    """The steps whose first try failed."""
    tries = LogAttempt.objects.filter(
        processor=ARRIVALS, number=1, event__type=type_name, event__correlation_id=run.trace
    )
    steps = [one.event.data["n"] for one in tries.order_by("event_id").select_related("event")]
    return " and ".join(map(str, steps)) or "none yet"


def _arrived(run: LabRun, type_name: str) -> list[int]:
    """The steps in the order they were done."""
    done = (
        LogDelivery.objects.filter(
            processor=ARRIVALS,
            state=DeliveryState.DONE,
            event__type=type_name,
            event__correlation_id=run.trace,
        )
        .order_by("finished_at", "event_id")
        .select_related("event")
    )
    return [delivery.event.data["n"] for delivery in done]


def _overtaken(steps: list[int]) -> int:
    return sum(any(later < n for n in steps[:i]) for i, later in enumerate(steps))


def _swapped(steps: list[int]) -> Cell:
    count = _overtaken(steps)
    return Cell(str(count), "retrying" if count else "done")


def _took(run: LabRun, type_name: str) -> str:
    own = LogDelivery.objects.filter(
        processor=ARRIVALS, event__type=type_name, event__correlation_id=run.trace
    ).aggregate(begin=Min("event__recorded_at"), end=Max("finished_at"))
    return duration(own["end"] - own["begin"]) if own["end"] else "–"


LESSON = Lesson(
    slug="ordering",
    title="Order",
    sub="why order is kept per key",
    icon="twice",
    text=(
        "A failed attempt is made again later. If the next event of the same thing did not "
        "wait, it would overtake: first cancelled, then created.",
        "So order is kept per key: the stream, unless the event names a field. What follows a "
        "failed one with the same key is parked. Other keys go on, in their own lanes.",
        "The experiment publishes the same eight steps twice. Steps 2 and 5 fail at their first "
        "try. Once all steps share a key, once each has its own.",
    ),
    action="Publish the steps",
    start=_start,
    evidence=_evidence,
    question=Question(
        "Two orders of different customers: must they be handled in order?",
        ("Yes, all events are", "No: each order is a key of its own"),
        1,
        "Order costs waiting, so it is kept only where it means something: within one key.",
        phrase="So order is kept per key",
    ),
)
