"""Looking at the alert rules: any worker's sweep may, one at a time by the row lock."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q, QuerySet

from flowdeck import clock
from flowdeck.alerts import facts
from flowdeck.alerts.facts import AlertFired, AlertResolved
from flowdeck.alerts.measure import measure
from flowdeck.database import transaction
from flowdeck.models import AlertRule, Attempt

EVERY = timedelta(seconds=2)
_AT_ONCE = 20
_LATELY = timedelta(minutes=10)


def look() -> None:
    """Look at the rules that nobody has looked at lately.

    Firing and being resolved commit together with their events, so each is told once.
    """
    for number in list(_due().values_list("pk", flat=True)[:_AT_ONCE]):
        with transaction.atomic():
            rule = _due().select_for_update(skip_locked=True).filter(pk=number).first()
            if rule is not None:  # else another worker has it
                _judge(rule)


def _due() -> QuerySet[AlertRule]:
    since = clock.now() - EVERY
    due = Q(looked_at=None) | Q(looked_at__lt=since)
    return AlertRule.objects.filter(due).order_by("looked_at")


def _judge(rule: AlertRule) -> None:
    now, measured = clock.now(), measure(rule)
    rule.looked_at, rule.value = now, measured.value
    if measured.value >= rule.threshold:
        rule.over_since = rule.over_since or now
        held = now - rule.over_since >= timedelta(seconds=rule.hold_seconds)
        if held and rule.firing_since is None:
            rule.firing_since, rule.about = now, measured.about[:300]
            _publish(AlertFired, rule, measured.processor)
    else:
        if rule.firing_since is not None:
            _publish(AlertResolved, rule, rule.processor)
        rule.over_since = rule.firing_since = None
    rule.save(update_fields=["looked_at", "value", "about", "over_since", "firing_since"])


def _publish(kind: type[AlertFired | AlertResolved], rule: AlertRule, processor: str) -> None:
    facts.append(
        kind,
        rule,
        muted=rule.is_muted,
        processor=processor[:64],
        error=_newest_error(processor) if kind is AlertFired else "",
    )


def _newest_error(processor: str) -> str:
    """The kind of the newest error there: what it says may hold what is not for everybody."""
    failed = Attempt.objects.filter(finished_at__gt=clock.now() - _LATELY, processor=processor)
    return failed.order_by("-finished_at").values_list("error", flat=True).first() or ""
