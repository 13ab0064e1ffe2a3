"""The tries of outlets to post to webhooks: the newest of each are kept, for who looks after them.

All but webhooks confirm a batch as one, so there is nothing to tell of a message by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db.models import Max

from flowdeck import clock
from flowdeck.connect.messages import Outgoing, Refusal, Sender, Telling, Tried
from flowdeck.models import WebhookAttempt

MOST_KEPT = 10_000
"""Tries kept of each outlet, and those of the last minute."""
LONGEST_SAID = 2_000
_NUL, _SHOWN = "\x00", "\N{REPLACEMENT CHARACTER}"


def sent(outlet: str, sender: Sender, batch: Sequence[Outgoing]) -> list[Refusal]:
    """As ``sender.send``; what it tells of each message is kept, whatever came of the batch."""
    try:
        return sender.send(batch)
    finally:
        if isinstance(sender, Telling) and (tried := sender.told()):
            keep(outlet, tried)


def keep(outlet: str, tried: Sequence[Tried], *, by: str = "") -> list[WebhookAttempt]:
    """Write what was tried just now, by itself or asked for by somebody. Two queries."""
    positions = [position_of(one.message) for one in tried]
    before = dict(
        WebhookAttempt.objects.filter(outlet=outlet, position__in=[p for p in positions if p])
        .order_by()
        .values_list("position")
        .annotate(Max("number"))
    )
    now = clock.now()
    return WebhookAttempt.objects.bulk_create(
        WebhookAttempt(
            outlet=outlet,
            position=position,
            message=one.message.id,
            type=str(one.message.attributes["type"]),
            number=before.get(position, 0) + 1,
            at=now,
            seconds=one.seconds,
            status=one.status,
            said=one.said.replace(_NUL, _SHOWN)[:LONGEST_SAID],
            asked_by=by,
        )
        for one, position in zip(tried, positions, strict=True)
    )


def position_of(message: Outgoing) -> int | None:
    """That of the event; None for what is none."""
    position = message.attributes.get("position")
    return None if position is None else int(position)


def forget_old(names: Iterable[str]) -> None:
    """Remove all but the newest of these outlets. Two queries each."""
    for name in names:
        mine = WebhookAttempt.objects.filter(outlet=name)
        newest = mine.order_by("-pk").values_list("pk", flat=True)[MOST_KEPT : MOST_KEPT + 1]
        for last in newest:
            mine.filter(pk__lte=last).delete()
