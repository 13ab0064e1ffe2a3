"""What the shop says of an order: what happened, what it means for the reader, what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from events.orders import CHANGED_MIND
from events.shop.track import Track


@dataclass(frozen=True, slots=True)
class Tag:
    """A state that asks for attention, in words."""

    state: str
    words: str


@dataclass(frozen=True, slots=True)
class Correction:
    """Why a placed order did not hold: ``what`` happened, ``so`` what it means, the next step.

    ``wanted``: the customer cancelled it, so nothing that was promised has to be taken back.
    """

    short: str
    what: str
    so: str
    action: str
    wanted: bool = False


def tag_of(track: Track) -> Tag:
    """The state of an open order."""
    states = track.states()
    if "dead" in states:
        return Tag("dead", "needs a person")
    if "retrying" in states:
        return Tag("retrying", "retrying")
    if "parked" in states:
        return Tag("parked", "held back")
    if track.paid.state == "running":
        return Tag("running", "payment under way")
    return Tag("running", "under way")


def message_of(track: Track, group: str) -> str:
    """Where an order stands that was not corrected, and why it does not go on if it does not."""
    if group == "confirmed":
        return "Thank you, your order is confirmed."
    for stage, name in ((track.paid, "payment"), (track.reserved, "stock")):
        if stage.state == "dead":
            return f"The {name} step gave up. It waits for an operator; you need not order again."
    if "dead" in track.states():
        return "A step gave up. It waits for an operator; you need not order again."
    if track.paid.state == "retrying":
        return "The payment did not go through yet and is tried again; your items are kept."
    if "parked" in track.states():
        return "An earlier step of this order has to be mended first."
    return "Thank you, your order is placed."


def correction_of(
    cancelled: Mapping[str, Any], happened: Mapping[str, Any], names: Mapping[str, str]
) -> Correction:
    """The correction of a cancelled order, from the events that led to it."""
    payment = happened.get("PaymentProcessed")
    reason = str(cancelled.get("reason") or "")
    if reason == CHANGED_MIND:
        return _wanted(happened)
    if payment is not None and payment.data.get("status") == "failed":
        back = "are back in stock" if "InventoryReleased" in happened else "go back into stock"
        return Correction(
            "cancelled, declined",
            reason or "Your card was declined.",
            f"Nothing was charged, and the items {back}.",
            "Order again",
        )
    if "InventoryRejected" in happened:
        refunded = "PaymentRefunded" in happened
        sku = str(happened["InventoryRejected"].data.get("sku") or "")
        reason = reason.replace(sku, names.get(sku, sku)) if sku else reason
        return Correction(
            "cancelled, refunded" if refunded else "cancelled, none left",
            reason or "There is not enough in stock.",
            _money(payment is not None, refunded),
            "Choose something else",
        )
    return Correction("cancelled", "The order was cancelled.", reason, "Order again")


def _wanted(happened: Mapping[str, Any]) -> Correction:
    payment = happened.get("PaymentProcessed")
    if payment is None:
        so = "Nothing was charged yet; a payment that is already under way is given back."
    else:
        charged = payment.data.get("status") == "success"
        so = _money(charged, "PaymentRefunded" in happened)
    return Correction(
        "cancelled by you", "You cancelled this order.", so, "Order again", wanted=True
    )


def _money(charged: bool, refunded: bool) -> str:
    if refunded:
        return "Your money was refunded."
    return "What was charged is on its way back." if charged else "Nothing was charged."
