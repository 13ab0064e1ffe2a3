"""My orders as the page shows them: one row each, told from the events of its trace.

A constant number of queries, however many rows.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.urls import reverse

from events.models import Product
from events.shop import wording
from events.shop.summaries import Summary, counts_of, summaries_of
from events.shop.track import STARTS, Track, Underway, build_track
from flowdeck.extend import DeliveryState, LogDelivery, LogEvent, counted, derive_states, duration

SHOWN = 20
UNFOLDED = 3
"""Newest orders that show their track when they are settled; older ones are folded to one line."""
UNFOLDABLE = 8
"""Newest orders that have a track still, folded or not: a page unfolds what it showed so."""


@dataclass(frozen=True, slots=True)
class Row:
    """One order. ``group`` is open, confirmed or corrected; ``last``: its newest event's position.

    ``under_way``: it will still change, by itself or by a person.
    ``brief``: it is too old to be unfolded, and has no track.
    ``again``: its lines as JSON, for another order like it.
    ``may_cancel``: it is not decided, and no mediator decides it.
    """

    order_id: int
    dom_id: str
    correlation_id: UUID
    what: str
    again: str
    total: Decimal
    track: Track
    group: str
    took: str
    retries: int
    folded: bool
    brief: bool
    correction: wording.Correction | None
    under_way: bool
    last: int
    may_cancel: bool = False

    @property
    def name(self) -> str:
        """How people call it."""
        return f"order-{self.order_id}"

    @property
    def trace_url(self) -> str:
        """Where what it set off is shown."""
        return reverse("flowdeck:trace", args=[self.correlation_id])

    @property
    def tag(self) -> wording.Tag:
        """What an open order is at."""
        if self.correction is not None:
            word = "cancelled" if self.correction.wanted else "corrected"
            return wording.Tag("no", f"{word} after {self.took}" if self.took else word)
        return wording.tag_of(self.track)

    @property
    def message(self) -> str:
        """Where it is, in a sentence."""
        return wording.message_of(self.track, self.group)

    @property
    def outcome(self) -> str:
        """The end in few words, for the folded line."""
        if self.correction is not None:
            return self.correction.short
        return f"confirmed in {self.took}" if self.took else "confirmed"

    @property
    def tried_again(self) -> str:
        """Retries, if there were any."""
        return counted(self.retries, "retry", "retries") if self.retries else ""


@dataclass(frozen=True, slots=True)
class Orders:
    """The newest rows and the exact counts of all."""

    rows: list[Row]
    counts: dict[str, int]

    @property
    def older(self) -> bool:
        """Whether there are more than shown."""
        return self.counts["all"] > len(self.rows)

    @property
    def under_way(self) -> bool:
        """Whether any of them, shown or not, will still change."""
        return self.counts["open"] > 0 or any(row.under_way for row in self.rows)


def orders_of(user: Any) -> Orders:
    """The newest orders of one person."""
    return Orders(rows_of(summaries_of(user, SHOWN)), counts_of(user))


def rows_of(summaries: Sequence[Summary]) -> list[Row]:
    """The rows of these orders, in their order."""
    traces = [summary.correlation_id for summary in summaries]
    events, deliveries = _events(traces), _deliveries(traces)
    names = dict(Product.objects.values_list("sku", "name"))
    return [
        _row(
            summary,
            place,
            events[summary.correlation_id],
            deliveries[summary.correlation_id],
            names,
        )
        for place, summary in enumerate(summaries)
    ]


def _events(traces: list[UUID]) -> dict[UUID, list[LogEvent]]:
    found = defaultdict(list)
    for event in LogEvent.objects.filter(correlation_id__in=traces).order_by("position"):
        found[event.correlation_id].append(event)
    return found


def _deliveries(traces: list[UUID]) -> dict[UUID, list[tuple[LogDelivery, str]]]:
    """Deliveries that tell something: not done yet, or done after a failure."""
    telling = LogDelivery.objects.filter(
        ~Q(state=DeliveryState.DONE) | Q(attempts__gt=1), event__correlation_id__in=traces
    ).select_related("event")
    listed = list(telling)
    states = derive_states(listed)
    found = defaultdict(list)
    for delivery in listed:
        found[delivery.event.correlation_id].append((delivery, states[delivery.pk].state))
    return found


def _row(
    summary: Summary,
    place: int,
    events: list[LogEvent],
    deliveries: list[tuple[LogDelivery, str]],
    names: dict[str, str],
) -> Row:
    placed = next((event for event in events if event.type in STARTS), None)
    happened = {event.type: event for event in events}
    track = build_track(events, _underway(deliveries))
    cancelled = happened.get("OrderCancelled")
    end = cancelled or happened.get("OrderConfirmed")
    group = "corrected" if cancelled else "confirmed" if end else "open"
    return Row(
        order_id=summary.order_id,
        dom_id=summary.dom_id,
        correlation_id=summary.correlation_id,
        what=_what(placed.data, names) if placed else "",
        again=_again(placed.data) if placed else "[]",
        total=Decimal(placed.data["total"]) if placed else Decimal(0),
        track=track,
        group=group,
        took=_took(events, end.recorded_at if end else None),
        retries=sum(d.attempts - 1 for d, _ in deliveries if d.attempts > 1),
        folded=place >= UNFOLDED and group != "open",
        brief=place >= UNFOLDABLE and group != "open",
        correction=wording.correction_of(cancelled.data, happened, names) if cancelled else None,
        under_way=end is None or any(state != DeliveryState.DONE for _, state in deliveries),
        last=events[-1].position if events else 0,
        may_cancel=end is None and "OrderCreated" in happened,
    )


def _what(order: dict[str, Any], names: dict[str, str]) -> str:
    lines = [f"{i['quantity']} × {names.get(i['sku'], i['sku'])}" for i in order["items"]]
    return ", ".join(lines)


def _again(order: dict[str, Any]) -> str:
    return json.dumps([[item["sku"], item["quantity"]] for item in order["items"]])


def _underway(deliveries: Iterable[tuple[LogDelivery, str]]) -> list[Underway]:
    return [
        Underway(delivery.processor, state, delivery.attempts, delivery.due_at)
        for delivery, state in deliveries
        if state != DeliveryState.DONE
    ]


def _took(events: list[LogEvent], end: datetime | None) -> str:
    return duration(end - events[0].recorded_at) if events and end else ""
