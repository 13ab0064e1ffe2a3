"""Outlets to webhooks, target by target: what was tried, what comes next, a test, an event again.

What a person has sent goes out at once and once: it moves no position, and whatever comes of it is
an attempt like others.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import cast
from uuid import uuid4

from django.db.models import Max

from flowdeck import clock
from flowdeck.connect import attempts, brokers
from flowdeck.connect.brokers.webhook import WebhookSender
from flowdeck.connect.envelope import messages
from flowdeck.connect.lease import LONGEST_REST
from flowdeck.connect.messages import Outgoing
from flowdeck.connect.outlets import Outlet, outlets, stored, too_large
from flowdeck.declare.states import DeliveryState
from flowdeck.errors import SendRefused, UnknownConnector
from flowdeck.models import Connector, Due, WebhookAttempt
from flowdeck.people import audit

TEST_TYPE = "flowdeck.test"
PAGE = 50


class Next(StrEnum):
    """What comes after an attempt."""

    NOTHING = "nothing"
    FOLLOWED = "followed"
    AGAIN = "again"
    TURN = "turn"
    PAUSED = "paused"
    LETTER = "letter"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class Shown:
    """An attempt and what comes next: at ``again_at``, ``within`` seconds, or by its ``letter``.

    ``last`` is the number of the last attempt at its event.
    """

    row: WebhookAttempt
    next: Next
    last: int
    again_at: datetime | None = None
    within: float = 0.0
    letter: int | None = None

    @property
    def may_go_again(self) -> bool:
        """Whether it is an event that waits for nothing."""
        waits = self.next in (Next.LETTER, Next.TURN, Next.AGAIN, Next.PAUSED)
        return self.row.position is not None and not waits


def posting() -> list[str]:
    """The names of the outlets that post to webhooks."""
    return [one.name for one in outlets.values() if brokers.is_webhook(one.broker)]


def outlet_to(name: str) -> Outlet:
    """The outlet that posts to a webhook. Raises UnknownConnector."""
    found = outlets.get(name)
    if found is None or not brokers.is_webhook(found.broker):
        known = ", ".join(posting()) or "none"
        raise UnknownConnector(f"{name} is no outlet that posts to a webhook; such are {known}.")
    return found


def shown(name: str, *, failed: bool = False, before: int | None = None) -> list[Shown]:
    """The newest attempts of an outlet, or the newest failed ones; older than ``before``, a number
    of one. One more than PAGE if there are older ones. Four queries. Raises UnknownConnector."""
    outlet = outlet_to(name)
    rows = WebhookAttempt.objects.filter(outlet=name).order_by("-pk")
    if failed:
        rows = rows.exclude(status__gte=200, status__lt=300)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return _with_next(outlet, list(rows[: PAGE + 1]))


def one(name: str, number: int) -> Shown | None:
    """One of an outlet's attempts, if it is kept still. Raises UnknownConnector."""
    outlet = outlet_to(name)
    found = _with_next(outlet, list(WebhookAttempt.objects.filter(outlet=name, pk=number)))
    return found[0] if found else None


def test(name: str, *, by: str) -> WebhookAttempt:
    """Post a signed message of the type ``flowdeck.test`` to the target, and hear the answer out.

    Takes five seconds at most; is in the audit. Raises UnknownConnector.
    """
    outlet, id_ = outlet_to(name), str(uuid4())
    message = Outgoing(
        id=id_,
        to=outlet.to.format(type=TEST_TYPE),
        key=id_,
        attributes={
            "specversion": "1.0",
            "id": id_,
            "source": f"/outlets/{name}",
            "type": TEST_TYPE,
            "time": clock.now().isoformat(),
            "datacontenttype": "application/json",
        },
        data=json.dumps({"outlet": name}),
    )
    audit.record("test", by=by, target=f"connector {name}", count=1)
    return _posted(outlet, message, by)


def again(name: str, position: int, *, by: str, reason: str) -> WebhookAttempt:
    """Post an event to the target once more, with the id that it had, and hear the answer out.

    Takes five seconds at most; is in the audit. Raises UnknownConnector or SendRefused.
    """
    outlet = outlet_to(name)
    message = _sendable(outlet, position)
    target = f"connector {name} event {position}"
    audit.record("send again", by=by, target=target, count=1, reason=reason)
    return _posted(outlet, message, by)


def _posted(outlet: Outlet, message: Outgoing, by: str) -> WebhookAttempt:
    sender = cast(WebhookSender, brokers.sender(outlet.broker))
    [kept] = attempts.keep(outlet.name, [sender.tried(message, hear_out=True)], by=by)
    return kept


def _sendable(outlet: Outlet, position: int) -> Outgoing:
    events = stored([position])
    if not events or not outlet.hears(events[0].type, events[0].stream):
        raise SendRefused(f"{outlet.name} sends no event at {position:,}.")
    due = Due.objects.filter(processor=outlet.name, event_id=position).first()
    if due is not None and due.state == DeliveryState.DEAD:
        raise SendRefused(
            f"{position:,} {outlet.name} is a dead letter: retry it there, so that what waits "
            "behind it goes out in order."
        )
    kept = Connector.objects.filter(pk=outlet.name).first()
    at = kept.position if kept else 0
    if (due is not None and due.state != DeliveryState.DISCARDED) or (
        outlet.mode == "log" and position > at
    ):
        raise SendRefused(f"{outlet.name} has yet to send {position:,}: it comes by itself.")
    [message] = messages(outlet.to, outlet.personal, events)
    largest = brokers.sender(outlet.broker).largest
    if message.size > largest:
        raise SendRefused(too_large(0, message.size, largest).reason)
    return message


def _with_next(outlet: Outlet, rows: Sequence[WebhookAttempt]) -> list[Shown]:
    positions = {row.position for row in rows if row.position is not None}
    last: dict[int | None, int] = dict(
        WebhookAttempt.objects.filter(outlet=outlet.name, position__in=positions)
        .order_by()
        .values_list("position")
        .annotate(Max("number"))
    )
    due: dict[int | None, Due] = {
        one.event_id: one
        for one in Due.objects.filter(processor=outlet.name, event_id__in=positions)
    }
    connector = Connector.objects.filter(pk=outlet.name).first() or Connector(name=outlet.name)
    return [
        _next(row, last.get(row.position, row.number), due.get(row.position), connector, outlet)
        for row in rows
    ]


def _next(
    row: WebhookAttempt, last: int, due: Due | None, connector: Connector, outlet: Outlet
) -> Shown:
    if last > row.number:
        return Shown(row, Next.FOLLOWED, last)
    if due is not None and due.state == DeliveryState.DEAD:
        return Shown(row, Next.LETTER, last, letter=due.letter)
    if due is not None and due.state == DeliveryState.DISCARDED:
        return Shown(row, Next.DISCARDED, last, letter=due.letter)
    if due is not None:
        return Shown(row, Next.AGAIN if due.due_at else Next.TURN, last, again_at=due.due_at)
    behind = outlet.mode == "log" and (row.position or 0) > connector.position
    if row.accepted or not behind:
        return Shown(row, Next.NOTHING, last)
    if connector.paused_at is not None:
        return Shown(row, Next.PAUSED, last)
    return Shown(row, Next.AGAIN, last, within=LONGEST_REST)
