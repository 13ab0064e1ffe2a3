"""What each kind of rule measures: a value, and what it is about. Bounded, by index."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.db.models import Count, Exists, Max, OuterRef

from flowdeck import clock
from flowdeck.alerts import lately, standstill
from flowdeck.alerts.measured import MOST, NOTHING, Measured
from flowdeck.declare.registry import registry
from flowdeck.errors import TraceTooDeep
from flowdeck.letters import dead_letters
from flowdeck.log.positions import SLACK, first_since
from flowdeck.models import AlertRule, Event, Lane, ProcessorState, Timer
from flowdeck.observe import current, database

_LOOKED_BACK = timedelta(days=1)  # for what has not followed


def measure(rule: AlertRule) -> Measured:
    """What the rule measures now."""
    return _MEASURES[AlertRule.Kind(rule.kind)](rule)


def _dead(rule: AlertRule) -> Measured:
    criteria = dead_letters.Criteria(processor=rule.processor)
    counted = criteria.letters().order_by().values("letter")[:MOST].count()
    return Measured(counted, rule.processor, rule.processor)


def _growth(rule: AlertRule) -> Measured:
    since = clock.now() - timedelta(minutes=1)
    letters = dead_letters.Criteria(processor=rule.processor).letters().order_by()
    groups = letters.filter(finished_at__gt=since).values("fingerprint")
    most = groups.annotate(n=Count("*"), newest=Max("letter")).order_by("-n").first()
    if most is None:
        return NOTHING
    failure = dead_letters.last_attempts([most["newest"]]).get(most["newest"])
    whose = failure.processor if failure else rule.processor
    return Measured(most["n"], failure.error if failure else most["fingerprint"], whose)


def _waiting(rule: AlertRule) -> Measured:
    names = [rule.processor] if rule.processor else sorted(registry.processors)
    oldest = {at: name for name, at in current.oldest_waiting(names).items() if at}
    if not oldest:
        return NOTHING
    position = min(oldest)
    recorded = Event.objects.filter(pk=position).values_list("recorded_at", flat=True).first()
    age = (clock.now() - recorded).total_seconds() if recorded else 0.0
    return Measured(round(age, 1), oldest[position], oldest[position])


def _paused(rule: AlertRule) -> Measured:
    paused = ProcessorState.objects.filter(paused_at__isnull=False)
    if rule.processor:
        paused = paused.filter(name=rule.processor)
    longest = paused.order_by("paused_at").first()
    if longest is None or longest.paused_at is None:
        return NOTHING
    minutes = (clock.now() - longest.paused_at).total_seconds() / 60
    return Measured(round(minutes, 1), longest.name, longest.name)


def _round(rule: AlertRule) -> Measured:
    letters = dead_letters.Criteria(processor=rule.processor).letters().order_by()
    found = letters.filter(fingerprint=TraceTooDeep.fingerprint)
    newest = found.order_by("-letter").values_list("processor", flat=True).first()
    return Measured(found.values("letter")[:MOST].count(), newest or "", newest or "")


def _snapshot(rule: AlertRule) -> Measured:
    seconds, whose = database.open_for(clock.now())
    return Measured(round(seconds.total_seconds() / 60, 1), whose)


def _lag(rule: AlertRule) -> Measured:
    return Measured(round(database.lag(clock.now()).total_seconds(), 1))


def _full(rule: AlertRule) -> Measured:
    return Measured(round(100 * (database.used() or 0.0), 1))


def _floor(rule: AlertRule) -> Measured:
    since = clock.now() - timedelta(hours=1)
    lanes = Lane.objects.filter(floor_wrong_at__gt=since).order_by("-floor_wrong_at")
    if rule.processor:
        lanes = lanes.filter(processor=rule.processor)
    whose = lanes.values_list("processor", flat=True).first() or ""
    return Measured(lanes.count(), whose, whose)


def _timers(rule: AlertRule) -> Measured:
    late = clock.now() - timedelta(minutes=1)
    open_ = Timer.objects.filter(ended_at=None, due_at__lt=late).order_by("due_at", "id")
    refused = Timer.objects.filter(ended_at__isnull=False, ended_as=Timer.End.REFUSED)
    first = open_.first() or refused.order_by("-ended_at").first()
    if first is None:
        return NOTHING
    return Measured(open_[:MOST].count() + refused[:MOST].count(), f"{first.name} of {first.scope}")


def _missing(rule: AlertRule) -> Measured:
    now, patience = clock.now(), timedelta(minutes=rule.minutes)
    until, since = now - patience, now - patience - _LOOKED_BACK
    firsts = Event.objects.filter(
        type=rule.first_type,
        position__gte=first_since(since - SLACK),
        position__lt=first_since(until + SLACK),
        recorded_at__gte=since,
        recorded_at__lte=until,
    )
    chosen = firsts.order_by("-position").values("position")[:MOST]
    then = Event.objects.filter(
        correlation_id=OuterRef("correlation_id"),
        position__gt=OuterRef("position"),
        type=rule.then_type,
    )
    without = Event.objects.filter(pk__in=chosen).filter(~Exists(then))
    newest = without.order_by("-position").values_list("stream", flat=True).first()
    return NOTHING if newest is None else Measured(without.count(), newest)


_MEASURES: dict[str, Callable[[AlertRule], Measured]] = {
    AlertRule.Kind.DEAD: _dead,
    AlertRule.Kind.GROWTH: _growth,
    AlertRule.Kind.WAITING: _waiting,
    AlertRule.Kind.PAUSED: _paused,
    AlertRule.Kind.ROUND: _round,
    AlertRule.Kind.SNAPSHOT: _snapshot,
    AlertRule.Kind.LAG: _lag,
    AlertRule.Kind.FULL: _full,
    AlertRule.Kind.FLOOR: _floor,
    AlertRule.Kind.TIMERS: _timers,
    AlertRule.Kind.MISSING: _missing,
    AlertRule.Kind.FAILURES: lately.failures,
    AlertRule.Kind.LATENCY: lately.latency,
    AlertRule.Kind.SILENCE: lately.silence,
    AlertRule.Kind.WORKERS: standstill.workers,
    AlertRule.Kind.STUCK: standstill.traces,
    AlertRule.Kind.STANDING: standstill.instances,
    AlertRule.Kind.STALE: standstill.projections,
    AlertRule.Kind.CONNECT: standstill.connectors,
    AlertRule.Kind.BURN: lately.burn,
}
