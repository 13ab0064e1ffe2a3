"""States of deliveries and outcomes of attempts as words, for code and statements alike."""

from __future__ import annotations

from enum import StrEnum


class DeliveryState(StrEnum):
    """The first six are stored; the others are derived when read (docs/state_machine.md).

    ``sleeping``: its handler asked for a later time, which is no failure.
    """

    PENDING = "pending"
    RETRYING = "retrying"
    SLEEPING = "sleeping"
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


STORED = tuple(DeliveryState)[:6]
OVER = (DeliveryState.DONE, DeliveryState.DISCARDED)
IN_DUE = (
    DeliveryState.PENDING,
    DeliveryState.RETRYING,
    DeliveryState.SLEEPING,
    DeliveryState.DEAD,
    DeliveryState.DISCARDED,
)
UNFINISHED = (DeliveryState.PENDING, DeliveryState.RETRYING, DeliveryState.SLEEPING)
WAITING = (DeliveryState.RETRYING, DeliveryState.SLEEPING)
HOLDING = (*WAITING, DeliveryState.DEAD)
KEPT = (*HOLDING, DeliveryState.DISCARDED)
"""States in the order in which the conditions of partial indexes name them.

Those WAITING are due at a time of their own, and hold their key back until then.
"""


def among(*states: DeliveryState) -> str:
    """What follows a column in SQL: ``IN ('pending', 'retrying')``, or ``= 'dead'`` for one state.

    A partial index serves only a query that has its condition in it, on SQLite word for word: so
    the states stand in the text of a statement, not among its parameters.
    """
    words = [f"'{DeliveryState(state)}'" for state in states]
    return f"= {words[0]}" if len(words) == 1 else f"IN ({', '.join(words)})"
