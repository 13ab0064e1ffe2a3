"""What became of a delivery since a person retried it, as one sentence."""

from __future__ import annotations

from flowdeck.declare.states import DeliveryState
from flowdeck.models import Delivery


def retry_told(row: Delivery, state: str) -> str:
    """The outcome of its last retry by hand, or how far it is; "" if nobody retried it.

    ``state`` is the derived one, which knows running, due and parked from each other.
    """
    if not row.retried:
        return ""
    tried = f"attempt {row.attempts:,}"
    said: dict[str, str] = {
        DeliveryState.DONE: f"Retried by hand: it succeeded at {tried}.",
        DeliveryState.DEAD: f"Retried by hand: it failed again at {tried}, and is dead again.",
        DeliveryState.RETRYING: f"Retried by hand: it failed at {tried}, and is tried once more.",
        DeliveryState.SLEEPING: "Retried by hand: its handler asked for a later time.",
        DeliveryState.RUNNING: "Retried by hand: it runs now.",
        DeliveryState.PARKED: "Retried by hand: it waits behind an earlier one of its key.",
        DeliveryState.DISCARDED: f"Retried by hand without success, and given up after {tried}.",
    }
    return said.get(state, "Retried by hand: it waits for a worker.")
