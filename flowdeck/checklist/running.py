"""Questions about what runs: dead letters, order, staleness."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Count, Min

from flowdeck import clock
from flowdeck.checklist import purpose
from flowdeck.checklist.finding import Finding, Verdict, listed
from flowdeck.checklist.log import RECENT
from flowdeck.declare.registry import registry
from flowdeck.declare.states import DeliveryState
from flowdeck.log.positions import newest_position
from flowdeck.models import Delivery, Done, Due, Worker
from flowdeck.words import counted, duration

_MANY_ATTEMPTS = 20
_UNATTENDED = timedelta(days=1)
_PROMPT, _SLUGGISH = 2.0, 10.0
_MEASURED = 1_000


def dead_letters(redeliver: bool) -> Finding:
    """Every retry policy must end; what ended must not be left lying."""
    endless = [
        name
        for name, processor in sorted(registry.processors.items())
        if processor.retry.delay(min(processor.retry.max_attempts, _MANY_ATTEMPTS)) is not None
    ]
    dead = Due.objects.filter(state__among=[DeliveryState.DEAD])
    count, oldest = dead.count(), dead.order_by("finished_at").first()
    evidence = (
        f"{counted(len(registry.processors), 'retry policy', 'retry policies')} with an end, which "
        f"is a dead letter; waiting for a person: {counted(count, 'delivery', 'deliveries')}."
    )
    if endless:
        return Finding(
            "warn",
            f"More than {_MANY_ATTEMPTS} attempts: {listed(endless)}.",
            "Fewer attempts: a poison message holds its key back until it is a dead letter.",
        )
    if oldest and oldest.finished_at and clock.now() - oldest.finished_at > _UNATTENDED:
        age = duration(clock.now() - oldest.finished_at)
        return Finding(
            "warn",
            f"{evidence} The oldest has waited for {age}.",
            "Retry or discard it; let somebody be told when one comes.",
            traces=(str(oldest.event.correlation_id),),
        )
    return Finding("pass", evidence)


def ordered(redeliver: bool) -> Finding:
    """Of each processor and key, the recent deliveries must have ended in the log's order."""
    late, seen = list[str](), 0
    for name in sorted(registry.processors):
        number, overtaken = _overtaken(name)
        seen += number
        late += overtaken
    found = _mixed_keys()
    mixed, on_purpose = purpose.judged(found), purpose.told(found)
    skips = [n for n, p in sorted(registry.processors.items()) if p.on_dead == "skip"]
    if late:
        return Finding(
            "fail",
            f"{len(late)} of {seen:,} deliveries were overtaken: {listed(late, 3)}.",
            "Compare the workers' clocks; then run manage.py verify.",
            on_purpose=on_purpose,
        )
    if mixed:
        return Finding(
            "warn",
            f"{seen:,} deliveries in the order of their keys; but {listed(mixed, 3)}: one "
            "stream there has several keys, so its events may overtake each other.",
            "Give all event types of a stream the same key, unless their order means nothing.",
            on_purpose=on_purpose,
        )
    if skips:
        return Finding(
            "warn",
            f"{seen:,} deliveries in order; but {listed(skips)} skip dead ones.",
            "Use on_dead='park' where a later event needs the earlier one.",
            on_purpose=on_purpose,
        )
    if not seen:
        return Finding("untried", "Nothing has been delivered yet.", "Publish an event, ask again.")
    return Finding(
        "pass",
        f"{seen:,} deliveries, in the order of their keys, none overtaken.",
        on_purpose=on_purpose,
    )


def _overtaken(processor: str) -> tuple[int, list[str]]:
    """How many recent deliveries of a processor are done, and which ended before an earlier one."""
    recent = (
        Done.objects.filter(
            processor=processor,
            event_id__gt=newest_position() - RECENT,
            attempts__gt=0,
            finished_at__isnull=False,
        )
        .order_by("event__key", "event_id")
        .values_list("event__key", "finished_at", "event_id")
    )
    last, ended, late = "", None, []
    for key, finished_at, position in recent:
        if key == last and ended and finished_at and finished_at < ended:
            late.append(f"event {position} at {processor}")
        last, ended = key, finished_at
    return len(recent), late


def _mixed_keys() -> dict[str, str]:
    """Processors that recently got events of one stream with different keys, with such a stream."""
    found = (
        Delivery.objects.filter(event_id__gt=newest_position() - RECENT)
        .order_by("processor", "event__stream")
        .values_list("processor", "event__stream")
        .annotate(keys=Count("event__key", distinct=True))
        .filter(keys__gt=1)
    )
    streams = {processor: stream for processor, stream, _ in found[:1000]}
    return {one: f"{one} on {stream}" for one, stream in sorted(streams.items())}


def staleness(redeliver: bool) -> Finding:
    """How far read models are behind the log, measured on their newest deliveries."""
    measured, verdict = [], "pass"
    # What was published while nobody worked says when work began, not how long it takes.
    began = Worker.objects.aggregate(began=Min("started_at"))["began"]
    attended = {} if began is None else {"event__recorded_at__gte": began}
    for name, processor in sorted(registry.processors.items()):
        if not processor.replayable:
            continue
        newest = Done.objects.filter(processor=name, finished_at__isnull=False, **attended)
        newest = newest.order_by("-event_id")[:_MEASURED]
        lags = sorted(
            (finished - recorded).total_seconds()
            for finished, recorded in newest.values_list("finished_at", "event__recorded_at")
            if finished is not None
        )
        waiting = _waiting(name, began)
        if waiting > _PROMPT:
            measured.append(
                f"{name} {duration(waiting)}, and it grows: nobody works on it, or it is parked"
            )
            verdict = _worse(verdict, waiting)
        elif lags:
            p50, p99 = lags[len(lags) // 2], lags[min(len(lags) - 1, int(len(lags) * 0.99))]
            measured.append(f"{name} {duration(p50)} (p99 {duration(p99)})")
            verdict = _worse(verdict, p50)
    if not measured:
        return Finding("untried", "No read model has been written yet.", "Publish an event.")
    advice = (
        "" if verdict == "pass" else "More workers, batch=True, or say on the page how old it is."
    )
    found: Verdict = "pass" if verdict == "pass" else "warn" if verdict == "warn" else "fail"
    return Finding(found, f"Behind by: {'; '.join(measured)}.", advice)


def _waiting(name: str, began: datetime | None) -> float:
    """Seconds that the oldest delivery which nobody has begun has waited, since work ``began``."""
    oldest = (
        Due.objects.filter(processor=name, state=DeliveryState.PENDING, attempts=0)
        .order_by("event_id")
        .values_list("event__recorded_at", flat=True)
        .first()
    )
    if oldest is None:
        return 0.0
    return (clock.now() - max(oldest, began or oldest)).total_seconds()


def _worse(verdict: str, p50: float) -> str:
    if p50 > _SLUGGISH or verdict == "fail":
        return "fail"
    return "warn" if p50 > _PROMPT or verdict == "warn" else "pass"
