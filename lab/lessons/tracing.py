"""Lesson 9: find the cause of one failure among many orders, by correlation and causation."""

from __future__ import annotations

import random
from typing import Any
from uuid import UUID

from django.db.models import Count

from flowdeck.extend import DeliveryState, LogDelivery, LogEvent, counted, load_trace
from lab.lesson import Cell, Evidence, Lesson, Question
from lab.measured import SEED, decided, picture, place_scenarios
from lab.models import LabRun

_ORDERS = 200


def _start(user: Any, run: LabRun) -> dict[str, Any]:
    scenarios = [""] * _ORDERS
    scenarios[random.Random(SEED).randrange(_ORDERS)] = "sold_out_at_once"  # noqa: S311
    return {"traces": list(place_scenarios(user, scenarios).values())}


def _evidence(run: LabRun) -> Evidence:
    traces = [UUID(trace) for trace in run.facts.get("traces", [])]
    events = LogEvent.objects.filter(correlation_id__in=traces)
    open_ = LogDelivery.objects.filter(event__correlation_id__in=traces).exclude(
        state__in=(DeliveryState.DONE, DeliveryState.DEAD)
    )
    counts = events.aggregate(
        events=Count("position"), traces=Count("correlation_id", distinct=True)
    )
    wrong = events.filter(type="OrderCancelled").first()
    found = Evidence(("Step", "What the log says", "Why"))
    found.settled = bool(traces) and wrong is not None and not open_.exists()
    found.add("All events", str(counts["events"]), f"of {counts['traces']} orders, mixed in time")
    if wrong is None:
        found.add("The failure", Cell("none yet", "pending"), "look again in a moment")
        return found
    found.add("The failure", Cell(f"{wrong.type} in {wrong.stream}", "no"), wrong.data["reason"])
    own = {event.id: event for event in events.filter(correlation_id=wrong.correlation_id)}
    found.add(
        "Its correlation id", str(wrong.correlation_id)[:8], f"left: {counted(len(own), 'event')}"
    )
    for step, event in enumerate(_chain(wrong, own), 1):
        found.add(f"Cause {step}", f"{event.type} by {event.producer}", "by causation id")
    trace = load_trace(wrong.correlation_id)
    found.pictures.append(picture(wrong.stream, "the one that failed", trace))
    if found.settled:
        found.conclusion = (
            f"From {counts['events']} events to {len(own)} by the correlation id, to the cause by "
            f"the causation id: {decided(trace).text}."
        )
    return found


def _chain(event: LogEvent, own: dict[Any, LogEvent]) -> list[LogEvent]:
    """The causes of an event, nearest first; of a join, the refusal among them."""
    found: list[LogEvent] = []
    while event.causation_id in own:
        causes = [event.causation_id, *map(UUID, event.metadata.get("also_caused_by", []))]
        known = [own[cause] for cause in causes if cause in own]
        event = next((c for c in known if c.type == "InventoryRejected"), known[0])
        found.append(event)
    return found


LESSON = Lesson(
    slug="tracing",
    title="Correlation and tracing",
    sub="one cause among 200 orders",
    icon="search",
    text=(
        "When nobody calls anybody, there is no call stack to read. Instead every event carries "
        "two ids. The correlation id is shared by all that one request set off; the "
        "causation id names the event that directly caused this one.",
        "The first picks one order's events out of all. The second leads from a failure back to "
        "where it began, step by step. Together they make the trace.",
        "The experiment places 200 orders at once, and one of them fails.",
    ),
    action="Place 200 orders",
    start=_start,
    evidence=_evidence,
    question=Question(
        "An order was cancelled. Which id leads to the event that caused that?",
        ("The correlation id", "The causation id", "The position"),
        1,
        "The correlation id only says that they belong together. The causation id says which one "
        "caused which.",
        phrase="the causation id names the event that directly caused this one",
    ),
)
