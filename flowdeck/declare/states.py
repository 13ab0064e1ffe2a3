"""States of deliveries and outcomes of attempts as words, for code and statements alike."""

from __future__ import annotations

from enum import StrEnum


class DeliveryState(StrEnum):
    """The first five are stored; the others are derived when read (docs/state_machine.md)."""

    PENDING = "pending"
    RETRYING = "retrying"
    DONE = "done"
    DEAD = "dead"
    DISCARDED = "discarded"
    RUNNING = "running"
    PARKED = "parked"


class AttemptOutcome(StrEnum):
    """How a failed attempt ended; ``died`` took its worker process down with it."""

    FAILED = "failed"
    REJECTED = "rejected"
    DIED = "died"


STORED = tuple(DeliveryState)[:5]
IN_DUE = (
    DeliveryState.PENDING,
    DeliveryState.RETRYING,
    DeliveryState.DEAD,
    DeliveryState.DISCARDED,
)
UNFINISHED = (DeliveryState.PENDING, DeliveryState.RETRYING)
HOLDING = (DeliveryState.RETRYING, DeliveryState.DEAD)
KEPT = (DeliveryState.RETRYING, DeliveryState.DEAD, DeliveryState.DISCARDED)
"""States in the order in which the conditions of partial indexes name them."""


def among(*states: DeliveryState) -> str:
    """What follows a column in SQL: ``IN ('pending', 'retrying')``, or ``= 'dead'`` for one state.

    A partial index serves only a query that has its condition in it, on SQLite word for word: so
    the states stand in the text of a statement, not among its parameters.
    """
    words = [f"'{DeliveryState(state)}'" for state in states]
    return f"= {words[0]}" if len(words) == 1 else f"IN ({', '.join(words)})"
