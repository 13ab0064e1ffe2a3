"""Questions about processors: idempotent, replayable, tried with what goes wrong."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterator

from django.db import transaction

from flowdeck.checklist.finding import Finding, listed
from flowdeck.checklist.sandbox import deliver, fingerprints, rolled_back, samples, written_tables
from flowdeck.declare.registry import Processor, registry
from flowdeck.declare.states import DeliveryState
from flowdeck.engine.attempt import attempt_together
from flowdeck.log.append import read_log
from flowdeck.models import Delivery
from flowdeck.sql import DueDelivery

logger = logging.getLogger("flowdeck")
MOST_REPLAYED = 5_000


def idempotent(redeliver: bool) -> Finding:
    """Deliver finished deliveries once more and compare the tables before and after."""
    atomic = [p for p in registry.processors.values() if p.atomic]
    leased = [p for p in registry.processors.values() if not p.atomic]
    doubled, unknown, tried = [], [], 0
    for processor in leased:
        dues = samples(processor) if redeliver else []
        if not dues and not _mentions_key(processor):
            unknown.append(processor.name)
        for due in dues:
            tried += 1
            if changed := redelivered(processor, due):
                doubled.append(f"{processor.name} wrote {listed(changed)} again")
    evidence = (
        f"{len(atomic)} processors commit their effects with the delivery: once by construction. "
        f"{len(leased)} call the outside; {tried} finished deliveries of theirs were delivered "
        "again and compared."
    )
    if doubled:
        return Finding(
            "fail",
            f"{listed(doubled)}, for one event delivered twice.",
            "Hand delivery.idempotency_key over, or leave out atomic=False.",
        )
    if unknown:
        return Finding(
            "warn",
            f"{evidence} Not known of: {listed(unknown)}.",
            "Use delivery.idempotency_key in calls to the outside; then run with --redeliver.",
        )
    outside = "What handlers do outside of this database."
    more = "" if redeliver else " Calls to the outside: run with --redeliver."
    return Finding("pass", evidence, unchecked=outside + more)


def redelivered(processor: Processor, due: DueDelivery) -> list[str]:
    """The tables that a second delivery changes; a handler that refuses it changes none."""
    with rolled_back(), written_tables() as tables:
        _once_more(processor, due)
    with rolled_back():
        before = fingerprints(tables)
        _once_more(processor, due)
        after = fingerprints(tables)
    return [table for table in sorted(tables) if before[table] != after[table]]


def _once_more(processor: Processor, due: DueDelivery) -> None:
    try:
        with transaction.atomic():
            deliver(processor, due)
    except Exception as error:
        # A refusal is an answer: what it wrote is undone, so it has written nothing twice.
        logger.info("%s refused to do it again: %r", processor.name, error)


def _mentions_key(processor: Processor) -> bool:
    try:
        source = inspect.getsource(inspect.getmodule(processor.handler) or processor.handler)
    except (OSError, TypeError):
        return False
    return "idempotency_key" in source


def replayable(redeliver: bool) -> Finding:
    """Empty each read model, fill it again from the log, and compare; then undo all of it."""
    projections = [p for p in registry.processors.values() if p.replayable]
    differing, skipped, same = [], [], []
    for processor in projections:
        done = Delivery.objects.filter(processor=processor.name, state=DeliveryState.DONE)
        if done.count() > MOST_REPLAYED or not processor.models:
            skipped.append(processor.name)
        elif _differs(processor):
            differing.append(processor.name)
        else:
            same.append(processor.name)
    if differing:
        return Finding(
            "fail",
            f"Not the same after a replay: {listed(differing)}.",
            "Write read models from events alone: no clock, no chance, no other writer.",
        )
    evidence = f"{len(same)} of {len(projections)} read models rebuilt from nothing, identical."
    if skipped or not projections:
        return Finding(
            "warn",
            evidence,
            "Replay the larger ones beside the live ones.",
            unchecked=f"Too large to rebuild here, or without a model: {listed(skipped)}.",
        )
    return Finding("pass", evidence)


def _differs(processor: Processor) -> bool:
    tables = {model._meta.db_table for model in processor.models}
    with rolled_back():
        before = fingerprints(tables)
        for model in processor.models:
            model._default_manager.all().delete()
        for dues in _history(processor):
            if processor.batch:
                attempt_together(processor, dues)
            else:
                for due in dues:
                    deliver(processor, due)
        return fingerprints(tables) != before


def _history(processor: Processor) -> Iterator[list[DueDelivery]]:
    """All it has done, in batches, in order."""
    done = Delivery.objects.filter(processor=processor.name, state=DeliveryState.DONE).order_by(
        "event_id"
    )
    rows = list(done.values_list("event_id", "id"))
    for start in range(0, len(rows), 500):
        chunk = dict(rows[start : start + 500])
        first, last = min(chunk), max(chunk)
        events = [e for e in read_log(first - 1, last - first + 1) if e.position in chunk]
        yield [DueDelivery(chunk[event.position], 0, event) for event in events]


def tried(redeliver: bool) -> Finding:
    """What has each processor met in this installation: every type it listens to, and failure?"""
    never, never_failed = [], []
    for name, processor in sorted(registry.processors.items()):
        met = {due.event.type for due in samples(processor)}
        never += [f"{name} on {t}" for t in processor.subscriptions if t not in met]
        if not Delivery.objects.filter(
            processor=name, state=DeliveryState.DONE, attempts__gt=1
        ).exists():
            never_failed.append(name)
    pairs = sum(len(p.subscriptions) for p in registry.processors.values())
    evidence = f"{pairs - len(never)} of {pairs} pairs of processor and event type were handled."
    if len(never) == pairs:
        return Finding("fail", evidence, "Publish what happens in real life, then ask again.")
    if never or never_failed:
        return Finding(
            "warn",
            f"{evidence} Never: {listed(never, 3) or 'none'}. Never failed and recovered: "
            f"{listed(never_failed, 3) or 'none'}.",
            "Write a test for each: publish the event, let the first attempt raise, call "
            "flowdeck.testing.settle(), and assert the effects.",
            unchecked="What your test suite covers.",
        )
    return Finding("pass", f"{evidence} Each has failed at least once and recovered.")
