"""What rules measure in the figures of the last minutes: failures, latency, silence, objectives."""

from __future__ import annotations

from flowdeck import clock
from flowdeck.alerts.measured import NOTHING, Measured, worst
from flowdeck.history.sketch import quantile
from flowdeck.history.tally import Facts
from flowdeck.models import AlertRule, Event
from flowdeck.objectives.standing import standings
from flowdeck.observe import rates

_ENOUGH = 5
"""Attempts, or deliveries that were done, from which on a share says anything."""


def failures(rule: AlertRule) -> Measured:
    """The highest percentage of attempts that failed, and whose."""
    found = {name: _failed(facts) for name, facts in _facts(rule).items()}
    return worst({name: one for name, one in found.items() if one is not None})


def latency(rule: AlertRule) -> Measured:
    """The longest time in which 99 of 100 deliveries were done, from the log on, and whose."""
    found: dict[str, float] = {}
    for name, facts in _facts(rule).items():
        seconds = quantile(facts.age, 0.99)
        if seconds is not None and facts.done >= _ENOUGH:
            found[name] = round(seconds * 1000)
    return worst(found)


def silence(rule: AlertRule) -> Measured:
    """Minutes since the newest event of the type, or since the rule is there."""
    newest = Event.objects.filter(type=rule.first_type).order_by("-position")
    at = newest.values_list("recorded_at", flat=True).first()
    since = max(at, rule.created_at) if at else rule.created_at
    minutes = (clock.now() - since).total_seconds() / 60
    return Measured(round(max(0.0, minutes), 1), rule.first_type)


def burn(rule: AlertRule) -> Measured:
    """Objectives whose budget burns too fast, in a short and in a long window, and the first."""
    found = [one.row.name for one in standings() if one.burns_too_fast]
    return Measured(len(found), found[0]) if found else NOTHING


def _facts(rule: AlertRule) -> dict[str, Facts]:
    return rates.handled(rates.lately(60.0 * rule.minutes), rule.processor)


def _failed(facts: Facts) -> float | None:
    failed = facts.failed + facts.rejected
    attempts = facts.done + failed
    return round(100 * failed / attempts, 1) if attempts >= _ENOUGH else None
