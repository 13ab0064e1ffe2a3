"""Questions about processors: idempotent, replayable, tried with what goes wrong."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterator

from flowdeck.checklist import purpose
from flowdeck.checklist.finding import Finding, listed
from flowdeck.checklist.sandbox import deliver, fingerprints, samples, written_tables
from flowdeck.database import transaction
from flowdeck.declare.registry import Processor, registry
from flowdeck.declare.states import UNFINISHED
from flowdeck.engine.attempt import attempt_together
from flowdeck.engine.trial import rolled_back
from flowdeck.log.append import read_log
from flowdeck.models import Done, Due, Event
from flowdeck.sql import DueDelivery
from flowdeck.sql.parts import chunked
from flowdeck.words import counted

logger = logging.getLogger("flowdeck")
MOST_REPLAYED = 5_000


def idempotent(redeliver: bool) -> Finding:
    """Deliver finished deliveries once more and compare the tables before and after."""
    atomic = [p for p in registry.processors.values() if p.atomic]
    leased = [p for p in registry.processors.values() if not p.atomic]
    found, unknown, untried, tried = dict[str, str](), list[str](), list[str](), 0
    for processor in leased:
        dues = samples(processor)
        if not _mentions_key(processor) and not (dues and redeliver):
            (unknown if dues else untried).append(processor.name)
        for due in dues if redeliver else []:
            tried += 1
            if changed := redelivered(processor, due):
                found[processor.name] = f"{processor.name} wrote {listed(changed)} again"
    doubled, on_purpose = purpose.judged(found), purpose.told([*found, *unknown, *untried])
    unknown = purpose.judged({name: name for name in unknown})
    untried = purpose.judged({name: name for name in untried})
    evidence = (
        f"Effects commit with the delivery in {counted(len(atomic), 'processor')}: once by "
        f"construction. The outside is called by {len(leased):,}; of theirs "
        f"{counted(tried, 'finished delivery', 'finished deliveries')} delivered again and "
        "compared."
    )
    if doubled:
        return Finding(
            "fail",
            f"{listed(doubled)}, for one event delivered twice.",
            "Hand delivery.idempotency_key over, or leave out atomic=False.",
            on_purpose=on_purpose,
        )
    if unknown:
        return Finding(
            "warn",
            f"{evidence} Not known of: {listed(unknown)}.",
            "Use delivery.idempotency_key in calls to the outside; then run with --redeliver.",
            on_purpose=on_purpose,
        )
    if untried:
        return Finding(
            "untried",
            f"{evidence} Not tried yet: {listed(untried)}.",
            "Publish what they listen to, then ask again.",
            on_purpose=on_purpose,
        )
    outside = "What handlers do outside of this database."
    more = "" if redeliver else " Calls to the outside: run with --redeliver."
    return Finding("pass", evidence, unchecked=outside + more, on_purpose=on_purpose)


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
    found, skipped, same = dict[str, str](), list[str](), list[str]()
    for processor in projections:
        done = Done.objects.filter(processor=processor.name)
        if done.count() > MOST_REPLAYED or not processor.models:
            skipped.append(processor.name)
        elif _differs(processor):
            found[processor.name] = processor.name
        else:
            same.append(processor.name)
    on_purpose = purpose.told(found)
    if differing := purpose.judged(found):
        return Finding(
            "fail",
            f"Not the same after a replay: {listed(differing)}.",
            "Write read models from events alone: no clock, no chance, no other writer.",
            on_purpose=on_purpose,
        )
    evidence = f"{len(same)} of {len(projections)} read models rebuilt from nothing, identical."
    if skipped or not projections:
        return Finding(
            "warn",
            evidence,
            "Replay the larger ones beside the live ones.",
            unchecked=f"Too large to rebuild here, or without a model: {listed(skipped)}.",
            on_purpose=on_purpose,
        )
    return Finding("pass", evidence, on_purpose=on_purpose)


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
    done = Done.objects.filter(processor=processor.name).order_by("event_id")
    rows = list(done.values_list("event_id", flat=True))
    for some in chunked(rows, 500):
        chunk = set(some)
        first, last = min(chunk), max(chunk)
        events = [e for e in read_log(first - 1, last - first + 1) if e.position in chunk]
        yield [DueDelivery(0, event) for event in events]


def tried(redeliver: bool) -> Finding:
    """What has each processor met in this installation: every type it listens to, and failure?"""
    in_the_log = set(Event.objects.order_by().values_list("type", flat=True).distinct())
    never, waiting, overlooked, never_failed = list[str](), list[str](), list[str](), list[str]()
    for name, processor in sorted(registry.processors.items()):
        met = {due.event.type for due in samples(processor)}
        for type_name in processor.subscriptions:
            if type_name in met:
                continue
            known = type_name in in_the_log and not processor.streams
            found = overlooked if known else never
            if known and _waits(name, type_name):
                found = waiting
            found.append(f"{name} on {type_name}")
        if not Done.objects.filter(processor=name, attempts__gt=1).exists():
            never_failed.append(name)
    pairs = sum(len(p.subscriptions) for p in registry.processors.values())
    handled = pairs - len(never) - len(waiting) - len(overlooked)
    evidence = f"{handled} of {pairs} pairs of processor and event type were handled."
    if not handled and not overlooked:
        return Finding("untried", evidence, "Publish what happens in real life, then ask again.")
    if never or waiting or overlooked or never_failed:
        logged = f" In the log, but not handled: {listed(overlooked, 3)}." if overlooked else ""
        logged += f" Not handled yet: {listed(waiting, 3)}." if waiting else ""
        return Finding(
            "warn" if overlooked else "untried",
            f"{evidence}{logged} Not published yet: {listed(never, 3) or 'none'}. Never failed and "
            f"recovered: {listed(never_failed, 3) or 'none'}.",
            "Write a test for each: publish the event, let the first attempt raise, call "
            "flowdeck.testing.settle(), and assert the effects.",
            unchecked="What your test suite covers.",
        )
    return Finding("pass", f"{evidence} Each has failed at least once and recovered.")


def _waits(processor: str, type_name: str) -> bool:
    """Whether a delivery of this type is still to be done: then it was not overlooked."""
    waiting = Due.objects.filter(processor=processor, state__among=UNFINISHED)
    return waiting.filter(event__type=type_name).exists()
