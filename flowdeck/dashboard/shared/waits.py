"""The tries of a delivery: the waits between them, and which round of tries each belongs to. Pure.

A round ends when its attempts are used up; each time somebody retries by hand, another begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest

from flowdeck.declare.registry import registry
from flowdeck.declare.retry import Retry
from flowdeck.declare.states import AttemptOutcome, DeliveryState
from flowdeck.models import Attempt, Delivery
from flowdeck.observe.traces import Try


@dataclass(frozen=True, slots=True)
class Wait:
    """The wait after a failed try. ``seconds`` is None as long as it lasts.

    While it lasts, ``due_at`` is when the next try is due and ``given`` the seconds that the policy
    drew. ``at_most`` is the longest that it could draw; None if the processor is not declared any
    more. ``by_hand``: attempts were used up, a person let it be tried again.
    """

    seconds: float | None
    at_most: float | None
    by_hand: bool = False
    due_at: datetime | None = None
    given: float | None = None


@dataclass(frozen=True, slots=True)
class Tried:
    """A try, and the wait after it if one more came or is to come; ``by_hand``: somebody had
    retried the delivery before it."""

    one: Try
    wait: Wait | None
    by_hand: bool = False


def with_waits(row: Delivery, tries: Iterable[Try]) -> list[Tried]:
    """Put the waits between the ``tries`` of a delivery, which are in order."""
    all_of = list(tries)
    declared = registry.processors.get(row.processor)
    retry = declared.retry if declared else None
    found: list[Tried] = []
    by_hand = False
    for one, following in zip_longest(all_of, all_of[1:]):
        wait = _wait(row, one, following, retry)
        found.append(Tried(one, wait, by_hand))
        by_hand = by_hand or bool(wait and wait.by_hand)
    return found


def rounds_told(row: Delivery, tries: Sequence[Tried]) -> str:
    """How many tries there were, those of the policy apart from those of later rounds.

    ``tries`` may be the newest ones only.
    """
    declared = registry.processors.get(row.processor)
    by_hand = sum(1 for tried in tries if tried.by_hand)
    total = max(row.attempts, *(tried.one.number for tried in tries), 0)
    if total > len(tries):
        return f"{total:,}, the last {len(tries):,} of them here"
    first = f"{total - by_hand:,}"
    if declared and total - by_hand <= declared.retry.max_attempts:
        first += f" of at most {declared.retry.max_attempts:,}"
    return f"{first}, then {by_hand:,} after a retry by hand" if by_hand else first


def _wait(row: Delivery, one: Try, following: Try | None, retry: Retry | None) -> Wait | None:
    if one.failure is None or one.finished_at is None:
        return None
    used_up = _used_up(one.failure, retry)
    at_most = retry.ceiling(one.number) if retry and not (used_up or retry.on) else None
    if following is not None:
        seconds = max(0.0, (following.started_at - one.finished_at).total_seconds())
        return Wait(seconds, at_most, used_up)
    if row.state != DeliveryState.RETRYING or row.due_at is None:
        return None
    given = max(0.0, (row.due_at - one.finished_at).total_seconds())
    return Wait(None, at_most, False, row.due_at, given)


def _used_up(failure: Attempt, retry: Retry | None) -> bool:
    """Whether the policy gave no further attempt after it."""
    last = retry is not None and failure.number >= retry.max_attempts
    return last or failure.outcome != AttemptOutcome.FAILED
