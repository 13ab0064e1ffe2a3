"""Questions about the log itself: facts, deliveries, versions, causes."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from django.db import DatabaseError

from flowdeck.checklist.finding import Finding, listed
from flowdeck.connect.mapping import inlets
from flowdeck.database import connection
from flowdeck.declare.event import Draft
from flowdeck.declare.registry import registry
from flowdeck.engine.trial import rolled_back
from flowdeck.errors import FlowdeckError
from flowdeck.log.append import append, read_log
from flowdeck.log.payloads import load
from flowdeck.log.positions import newest_position
from flowdeck.models import Delivery, Event, Worker
from flowdeck.verification import Scope
from flowdeck.verification.deliveries import missing_deliveries
from flowdeck.words import counted

RECENT = 20_000
_IRREGULAR = (
    "Sent",
    "Paid",
    "Made",
    "Lent",
    "Sold",
    "Begun",
    "Done",
    "Taken",
    "Set",
    "Put",
    "Lost",
    "Won",
    "Built",
    "Bought",
    "Found",
    "Given",
    "Gone",
    "Held",
    "Left",
    "Met",
    "Read",
    "Run",
    "Shown",
    "Spent",
    "Told",
    "Written",
    "In",
    "Out",
)


def immutable(redeliver: bool) -> Finding:
    """Try to change and to delete events; look at their names and classes."""
    position = newest_position()
    if not position:
        return Finding("untried", "The log is empty.", "Publish an event, then ask again.")
    accepted = [
        verb
        for verb, statement in (
            ("UPDATE", "UPDATE flowdeck_event SET producer = 'x' WHERE position = %s"),
            ("DELETE", "DELETE FROM flowdeck_event WHERE position = %s"),
        )
        if _accepted(statement, position)
    ]
    if accepted:
        return Finding(
            "fail",
            f"The database accepted {' and '.join(accepted)} of event {position}.",
            "Put the append-only rule back: run migrate, and check who owns the tables.",
        )
    types = registry.event_types
    mutable = [n for n, t in sorted(types.items()) if not t.cls.model_config.get("frozen")]
    if mutable:
        return Finding(
            "fail",
            f"Instances can be changed: {listed(mutable)}.",
            "Leave model_config frozen, as flowdeck.Event has it.",
        )
    present = [n for n in sorted(types) if not n.endswith(("ed", *_IRREGULAR))]
    evidence = (
        f"UPDATE and DELETE of event {position} were refused; "
        f"{counted(len(types), 'type')} of event frozen."
    )
    if present:
        return Finding(
            "warn",
            f"{evidence} Not in the past tense, it seems: {listed(present)}.",
            "Name an event by what has happened.",
        )
    return Finding("pass", evidence)


def _accepted(statement: str, position: int) -> bool:
    try:
        with rolled_back(), connection.cursor() as cursor:
            cursor.execute(statement, [position])
            return bool(cursor.rowcount)
    except DatabaseError:
        return False


def durable(redeliver: bool) -> Finding:
    """Append without any bell: the work must be in the database at once. Then look for strays."""
    newest = _sample()
    if newest is None:
        return Finding("untried", "No event of a declared type is in the log.", "Publish one.")
    stream = f"checklist-{uuid4()}"
    with rolled_back():
        draft = Draft(load(newest), stream=stream, correlation_id=uuid4())
        (appended,) = append([draft])
        rows = Delivery.objects.filter(event_id=appended.position).count()
        expected = len(list(registry.listeners(newest.type, stream)))
    missing = _missing()
    if rows != expected or missing:
        return Finding(
            "fail",
            f"{rows} of {counted(expected, 'delivery', 'deliveries')} stored before any bell; "
            f"{counted(missing, 'stored event')} without one.",
            "Run manage.py verify; publish through flowdeck.publish only.",
        )
    workers = Worker.objects.count()
    evidence = (
        f"{newest.type} appended without a bell: {rows} of "
        f"{counted(expected, 'delivery', 'deliveries')} stored, in the same transaction. Of the "
        f"last {RECENT:,} events none lacks one."
    )
    if not workers:
        return Finding("warn", f"{evidence} No worker is alive.", "Start one: celery worker.")
    return Finding("pass", evidence)


def _sample() -> Any:
    for event in reversed(read_log(max(0, newest_position() - 200), 200)):
        if event.type in registry.event_types and registry.subscribers(event.type):
            return event
    return None


def _missing() -> int:
    """Recent events that a subscriber has no delivery of, though it had earlier ones."""
    newest = newest_position()
    scope = Scope(newest, max(0, newest - RECENT))
    return sum(
        1
        for processor in registry.processors.values()
        for type_name in processor.subscriptions
        for _ in missing_deliveries(scope, processor, type_name)
    )


def versioned(redeliver: bool) -> Finding:
    """Read one stored event of each type and version with today's code."""
    newest = newest_position()
    recent = Event.objects.filter(position__gt=newest - RECENT)
    oldest = Event.objects.filter(position__lte=1000)
    unreadable, undeclared, read = [], set(), 0
    found: dict[tuple[str, int], int] = {}
    for events in (oldest, recent):
        for row in events.values("type", "version").order_by("type", "version").distinct():
            position = events.filter(**row).values_list("position", flat=True).first()
            found[row["type"], row["version"]] = position or 0
    for (name, version), position in sorted(found.items()):
        if name not in registry.event_types:
            undeclared.add(name)
            continue
        try:
            load(read_log(position - 1, 1)[0])
            read += 1
        except FlowdeckError as error:
            unreadable.append(f"{name} version {version} ({error})")
    if unreadable:
        return Finding(
            "fail",
            f"Can't be read any more: {listed(unreadable, 2)}.",
            "Write the missing upcaster: @upcaster(Type, from_version=n).",
        )
    evidence = f"One event of each of {read} stored types and versions was read with today's code."
    if undeclared:
        return Finding(
            "warn",
            f"{evidence} Stored but declared nowhere: {listed(sorted(undeclared))}.",
            "Keep the classes of types that are in the log.",
        )
    return Finding("pass", evidence, unchecked=f"Sampled: the first 1,000 and last {RECENT:,}.")


def traceable(redeliver: bool) -> Finding:
    """Each cause must be an event of the same correlation."""
    newest = newest_position()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.position, e.correlation_id, e.type FROM flowdeck_event e "
            "LEFT JOIN flowdeck_event c ON c.id = e.causation_id "
            "AND c.correlation_id = e.correlation_id "
            "WHERE e.position > %s AND e.causation_id IS NOT NULL AND c.id IS NULL LIMIT 100",
            [newest - RECENT],
        )
        torn = cursor.fetchall()
    looked = min(newest, RECENT)
    torn += _begun_by_processors(newest)
    if torn:
        return Finding(
            "fail",
            f"{len(torn)} of the last {looked:,} events have no cause in their trace, or "
            f"begin one though a processor wrote them; first event {torn[0][0]} ({torn[0][2]}).",
            "Let publish() take cause and correlation from its context; pass ids only if you must.",
            traces=tuple(str(UUID(str(row[1]))) for row in torn[:3]),
        )
    return Finding("pass", f"The causes of the last {looked:,} events are all in their own trace.")


def _begun_by_processors(newest: int) -> list[tuple[int, UUID, str]]:
    """First events of traces that a processor wrote: it handled an event, and left its trace."""
    handlers = registry.processors.keys() - inlets.keys()  # what inlets take in begins a trace
    begun = Event.objects.filter(
        position__gt=newest - RECENT, causation_id=None, producer__in=sorted(handlers)
    )
    return list(begun.values_list("position", "correlation_id", "type")[:100])
