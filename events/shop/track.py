"""The stage track of an order: placed, then paid and reserved side by side, confirmed, notified.

Pure: built from the events of the order's trace and the deliveries still under way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flowdeck.extend import duration, registry

REACHED = frozenset(("running", "retrying", "done", "dead", "no", "discarded"))
SETTLED = frozenset(("done", "no"))
ATTENTION = ("dead", "retrying", "sleeping", "parked", "running", "pending")
"""States of deliveries under way, the one that says most of a stage first."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stop of the line. ``x`` in percent, ``y`` in pixels; ``due`` is the next attempt.

    ``claimed`` is its word before anybody knows, ``step`` with which of the steps it is shown.
    """

    word: str
    state: str = "none"
    note: str = ""
    due: datetime | None = None
    x: float = 0
    y: int = 17
    claimed: str = ""
    step: int = 1

    @property
    def shape(self) -> str:
        """Symbol of the dot: a stage not reached is a faint ring."""
        return "pending" if self.state == "none" else self.state

    @property
    def base(self) -> int:
        """Base line of the text."""
        return self.y + 10

    @property
    def line(self) -> str:
        """The line that leads here."""
        return "on" if self.state in REACHED else "off"

    @property
    def after(self) -> str:
        """The line that leads on."""
        return "on" if self.state in SETTLED else "off"

    @property
    def wait(self) -> str:
        """Seconds until the next attempt, as of now; the page counts on from there."""
        left = (self.due - datetime.now(self.due.tzinfo)).total_seconds() if self.due else 0
        return f"{left:.0f} s" if left >= 1 else "now"

    @property
    def sentence(self) -> str:
        """The stage in words."""
        return f"{self.word}: {'not reached' if self.state == 'none' else self.state}"


@dataclass(frozen=True, slots=True)
class Track:
    """The five stages in reading order."""

    placed: Stage
    paid: Stage
    reserved: Stage
    confirmed: Stage
    notified: Stage

    def __iter__(self) -> Iterator[Stage]:
        """The stages in reading order."""
        return iter((self.placed, self.paid, self.reserved, self.confirmed, self.notified))

    @property
    def sentence(self) -> str:
        """The whole track in words, for those who don't see it."""
        return "Stages. " + ", ".join(stage.sentence for stage in self)

    def states(self) -> set[str]:
        """The states of all stages."""
        return {stage.state for stage in self}


@dataclass(frozen=True, slots=True)
class Underway:
    """A delivery of the order's trace that is not done."""

    processor: str
    state: str
    attempts: int = 0
    due_at: datetime | None = None


def ghost_track() -> Track:
    """The track of an order that only the page knows of."""
    return _place(*(Stage(word, "ghost") for word in _WORDS))


def build_track(events: Iterable[Any], underway: Iterable[Underway]) -> Track:
    """The track of one order from its events (``type``, ``data``, ``recorded_at``)."""
    happened = {event.type: event for event in events}
    waiting = list(underway)
    start = next((e.recorded_at for name, e in happened.items() if name in STARTS), None)
    return _place(
        Stage("placed", "done"),
        _paid(happened, waiting, start),
        _reserved(happened, waiting, start),
        _confirmed(happened, waiting, start),
        _notified(happened, waiting),
    )


_WORDS = ("placed", "paid", "reserved", "confirmed", "notified")
STARTS = ("OrderCreated", "OrderSubmitted")


_PLACES = ((0.4, 17, 1), (21, 5, 2), (21, 29, 2), (54, 17, 3), (80, 17, 3))
"""Of each stage: x, y and its step."""


def _place(*stages: Stage) -> Track:
    return Track(
        *(
            replace(stage, x=x, y=y, claimed=word, step=step)
            for stage, (x, y, step), word in zip(stages, _PLACES, _WORDS, strict=True)
        )
    )


def _paid(happened: dict[str, Any], waiting: list[Underway], start: datetime | None) -> Stage:
    payment = happened.get("PaymentProcessed")
    if payment is None:
        return _under_way("paid", "payment", waiting)
    took = _took(payment, start)
    if payment.data.get("status") == "failed":
        return Stage("declined", "no", took)
    if "PaymentRefunded" in happened:
        return Stage("refunded", "done", took)
    return Stage("paid", "done", took)


def _reserved(happened: dict[str, Any], waiting: list[Underway], start: datetime | None) -> Stage:
    if "InventoryReleased" in happened:
        return Stage("released", "done", _took(happened["InventoryReleased"], start))
    if "InventoryRejected" in happened:
        return Stage("none left", "no", _took(happened["InventoryRejected"], start))
    if "InventoryReserved" in happened:
        return Stage("reserved", "done", _took(happened["InventoryReserved"], start))
    return _under_way("reserved", "inventory", waiting)


def _confirmed(happened: dict[str, Any], waiting: list[Underway], start: datetime | None) -> Stage:
    if "OrderCancelled" in happened:
        return Stage("cancelled", "no", _took(happened["OrderCancelled"], start))
    if "OrderConfirmed" in happened:
        return Stage("confirmed", "done", _took(happened["OrderConfirmed"], start))
    return _under_way("confirmed", "confirmation", waiting, quiet=True)


def _notified(happened: dict[str, Any], waiting: list[Underway]) -> Stage:
    if "NotificationSent" in happened:
        return Stage("notified", "done")
    return _under_way("notified", "notification", waiting, quiet=True)


def _under_way(word: str, processor: str, waiting: list[Underway], quiet: bool = False) -> Stage:
    """A stage not reached. ``quiet`` ones say nothing of a delivery that merely waits its turn."""
    own = [d for d in waiting if d.processor == processor]
    worst = min(own, key=lambda d: _rank(d.state), default=None)
    if worst is None or (quiet and worst.state == "pending"):
        return Stage(word)
    attempts = _attempts_of(processor)
    if worst.state == "dead":
        return Stage(word, "dead", f"{worst.attempts} of {attempts} failed" if attempts else "dead")
    if worst.state == "retrying":
        return Stage(word, "retrying", f"{worst.attempts + 1}/{attempts},", worst.due_at)
    return Stage(word, worst.state, due=worst.due_at if worst.state == "sleeping" else None)


def _rank(state: str) -> int:
    return ATTENTION.index(state) if state in ATTENTION else len(ATTENTION)


def _attempts_of(processor: str) -> int:
    declared = registry.processors.get(processor)
    return declared.retry.max_attempts if declared else 0


def _took(event: Any, start: datetime | None) -> str:
    return duration(event.recorded_at - start) if start else ""
