"""The breaker of a processor: what its calls came to decides whether the next ones are made.

Its row is shared by all workers and changed in the transaction that keeps the results, so a crash
forgets neither. While it is open nothing is handed out (``flowdeck/sql/*/claim_limited``); what
failed as it counts failures sleeps then, and uses up no attempt.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from flowdeck import clock
from flowdeck.declare.limits import LONGEST_REST, Breaker
from flowdeck.declare.registry import Processor
from flowdeck.declare.states import DeliveryState
from flowdeck.engine.outcome import Outcome
from flowdeck.models import FlowControl


def note(processor: Processor, breaker: Breaker, outcomes: list[Outcome]) -> None:
    """Count how calls went, open or close; what failed while it is open is put off instead.

    Needs the transaction that keeps the outcomes.
    """
    control = FlowControl.objects.select_for_update().get(pk=processor.name)
    for outcome in outcomes:
        _count(breaker, control, outcome)
        if outcome.outage and control.open_until is not None:
            _put_off(outcome, control.rest or breaker.rest)
    control.save(update_fields=["recent", "error", "open_until", "rest"])


def _count(breaker: Breaker, control: FlowControl, outcome: Outcome) -> None:
    if outcome.outage and outcome.failure is not None:
        control.error = outcome.failure.error[:200]
    if control.open_until is not None:
        if control.open_until <= clock.now():  # it has rested, and this was tried
            _tried(breaker, control, outcome)
        return
    control.recent = (control.recent + ("x" if outcome.outage else "."))[-breaker.of :]
    if breaker.opens(control.recent):
        _open(control, breaker.rest)


def _tried(breaker: Breaker, control: FlowControl, outcome: Outcome) -> None:
    if outcome.outage:
        _open(control, min(2 * (control.rest or breaker.rest), LONGEST_REST))
    else:
        control.open_until, control.rest = None, None


def _open(control: FlowControl, rest: float) -> None:
    control.rest, control.recent = rest, ""
    control.open_until = clock.now() + timedelta(seconds=rest)


def _put_off(outcome: Outcome, seconds: float) -> None:
    outcome.mark = replace(
        outcome.mark,
        state=DeliveryState.SLEEPING,
        attempts=outcome.due.attempts,
        due_in=seconds,
        fingerprint=None,
    )
    outcome.failure = None
