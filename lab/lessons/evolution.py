"""Lesson 11: an event that old code wrote, read by new code."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from django.db import transaction

from events.old_code import publish_old
from flowdeck import StoredEvent, load, publish, read_stream
from flowdeck.extend import DeliveryState, LogDelivery, LogEvent
from lab.lesson import Cell, Evidence, Lesson, Question
from lab.measured import because, picture, trace_of
from lab.models import LabRun
from lab.sandbox import GREETER, LabCustomerNamed

_OLD = {"name": "Ada Lovelace"}


def _start(user: Any, run: LabRun) -> dict[str, Any]:
    with transaction.atomic():
        publish_old(
            stream=_stream(run, "old"),
            type_name="LabCustomerNamed",
            version=1,
            data=_OLD,
            producer="lab",
            correlation_id=run.trace,
            occurred_at=datetime.now(UTC),
        )
        publish(
            LabCustomerNamed(first_name="Grace", last_name="Hopper"),
            stream=_stream(run, "new"),
            correlation_id=run.trace,
            producer="lab",
        )
    return {"trace": str(run.trace)}


def _evidence(run: LabRun) -> Evidence:
    old, new = (read_stream(_stream(run, which))[0] for which in ("old", "new"))
    greetings = [_greeting(one) for one in (old, new)]
    trace = trace_of(run)
    found = Evidence(("Measured", "Written by old code", "Written by new code", "Why"))
    found.settled = all(greetings)
    both = (old, new)
    found.add("Version in the log", *(str(one.version) for one in both), "it says how to read it")
    found.add("Stored payload", *map(_stored, both), "never rewritten")
    found.add("As the code reads it", *map(_read, both), "version 1 went through the upcaster")
    found.add(
        "What the processor did",
        *(Cell(one or "not yet", "done" if one else "pending") for one in greetings),
        "written for version 2 only",
    )
    stood = [_stood(one) for one in both]
    worst = next((one for one in stood if one.state != DeliveryState.DONE), stood[0])
    found.add("Its deliveries", *stood, because(worst, "under way", done="no dead letter"))
    found.pictures.append(picture("Two customers", "of two versions", trace))
    if found.settled:
        found.conclusion = (
            f"One handler, written for version 2, handled both: {greetings[0]}, {greetings[1]}. "
            "The event of version 1 is still stored as it was."
        )
    found.link("Versions of the event type", "flowdeck:event_type", "LabCustomerNamed")
    return found


def _stream(run: LabRun, which: str) -> str:
    return f"lab-customer-{run.pk}-{which}"


def _stored(event: StoredEvent) -> str:
    return json.dumps(event.payload)


def _read(event: StoredEvent) -> str:
    return load(event).model_dump_json()


def _stood(event: StoredEvent) -> Cell:
    """The state of the processor's delivery of one event."""
    found = LogDelivery.objects.filter(event_id=event.position, processor=GREETER).first()
    return Cell(found.state, found.state) if found else Cell("nothing to do yet", "pending")


def _greeting(event: StoredEvent) -> str:
    said = LogEvent.objects.filter(causation_id=event.id, type="LabCustomerGreeted").first()
    return str(said.data["text"]) if said else ""


LESSON = Lesson(
    slug="evolution",
    title="Schema evolution",
    sub="old events under new code",
    icon="catalog",
    text=(
        "Events stay for ever, code does not. So there will always be events in the log that were "
        "written by code of before, with fields that are called differently now. They are never "
        "rewritten: somebody may have seen them.",
        "Each event carries a version. When one of an older version is read, an upcaster turns its "
        "payload into the next version, step by step. The processor gets the newest version only, "
        "and knows nothing of the past.",
        "The experiment appends one event as old code wrote it, with a single name, and one of "
        "today, with first and last name. The same processor greets both.",
    ),
    action="Write with old and new code",
    start=_start,
    evidence=_evidence,
    question=Question(
        "You split a field in two. What about the million events that are stored?",
        (
            "Rewrite them in a night",
            "Write an upcaster; they stay as they are",
            "Let each processor handle both shapes",
        ),
        1,
        "The upcaster is one pure function beside the event type. The log stays a record of what "
        "was said, and no processor has to know the past.",
        phrase="an upcaster turns its payload into the next version",
    ),
)
