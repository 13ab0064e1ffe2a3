"""What has become of the orders: lost, doubled, out of order, or all well."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from django.db.models import Count, Exists, OuterRef

from drill.models import Testimony
from events.models import Checkout, OrderSummary
from flowdeck.models import Attempt, Delivery, Event
from processors.models import Charge

# Failures that the load asks for; any other used up an attempt that it should not have.
ASKED_FOR = {"Flaky", "SystemExit", "GatewayUnavailable", "MalformedPayment"}
_POISON = "MalformedPayment"


@dataclass
class Judgement:
    """Counts for the table, and one sentence for each violation."""

    placed: int = 0
    confirmed: int = 0
    cancelled: int = 0
    dead: int = 0
    under_way: int = 0
    deliveries: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    out_of_order: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)

    @property
    def violations(self) -> list[str]:
        """All of them."""
        return [*self.lost, *self.doubled, *self.out_of_order, *self.other]


def judge(placed: dict[str, int]) -> Judgement:
    """Compare what customers were told (``placed``: order id by key) with what the database has."""
    found = Judgement(placed=len(placed), deliveries=Delivery.objects.count())
    decided = _decided()
    found.confirmed = sum(types["OrderConfirmed"] for types in decided.values())
    found.cancelled = sum(types["OrderCancelled"] for types in decided.values())
    dead = _dead_streams()
    found.dead = len(dead)
    under_way = _unfinished_streams()
    found.under_way = len(under_way - decided.keys() - dead)
    found.lost += _lost(placed, {*decided, *dead, *under_way})
    found.doubled += [
        *_seen_twice(),
        *_emitted_twice(),
        *_decided_twice(decided),
        *_money(under_way),
    ]
    found.out_of_order += _overtaken()
    found.other += [*_blamed_wrongly(), *_died_wrongly()]
    return found


def _decided() -> dict[str, Counter[str]]:
    kinds = ("OrderConfirmed", "OrderCancelled")
    decided: dict[str, Counter[str]] = defaultdict(Counter)
    for stream, kind in Event.objects.filter(type__in=kinds).values_list("stream", "type"):
        decided[stream][kind] += 1
    return decided


def _dead_streams() -> set[str]:
    return set(Delivery.objects.filter(state="dead").values_list("event__stream", flat=True))


def _unfinished_streams() -> set[str]:
    unfinished = Delivery.objects.filter(state__in=["pending", "retrying", "sleeping"])
    return set(unfinished.values_list("event__stream", flat=True))


def _lost(placed: dict[str, int], accounted_for: set[str]) -> Iterator[str]:
    kept = dict(Checkout.objects.values_list("idempotency_key", "id"))
    for key, order_id in placed.items():
        stream = f"order-{order_id}"
        if kept.get(key) != order_id:
            yield f"{stream} was placed with key {key}, but the shop has {kept.get(key)} for it"
        elif stream not in accounted_for:
            yield f"{stream} was neither confirmed nor cancelled, is no dead letter, and rests"
    heads = Checkout.objects.count()
    if heads != Event.objects.filter(type="OrderCreated").count():
        yield f"{heads} orders were accepted, but not as many OrderCreated are in the log"


def _seen_twice() -> Iterator[str]:
    twice = (
        Testimony.objects.values("processor", "stream", "sequence")
        .annotate(times=Count("id"))
        .filter(times__gt=1)
    )
    for row in twice:
        yield "{processor} has {times} effects of {stream}#{sequence}".format(**row)


def _emitted_twice() -> Iterator[str]:
    """Every handler of the shop and of the drill emits at most one event of a type per cause."""
    twice = (
        Event.objects.exclude(causation_id=None)
        .values("causation_id", "producer", "type")
        .annotate(times=Count("position"))
        .filter(times__gt=1)
        .order_by()
    )
    for row in twice:
        yield "{producer} emitted {times} {type} for event {causation_id}".format(**row)


def _decided_twice(decided: dict[str, Counter[str]]) -> Iterator[str]:
    for stream, kinds in decided.items():
        if kinds.total() > 1:
            yield f"{stream} was decided {kinds.total()} times"


def _money(under_way: set[str]) -> Iterator[str]:
    """What the provider kept is what confirmed orders cost, to the cent."""
    taken = Charge.objects.filter(declined="", refunded=False).values_list("order_id", "amount")
    owed = OrderSummary.objects.filter(status="confirmed").values_list("order_id", "total")
    took, owes = Counter[int](), Counter[int]()
    for order_id, amount in taken:
        took[order_id] += amount  # type: ignore[assignment]
    for order_id, total in owed:
        owes[order_id] += total  # type: ignore[assignment]
    for order_id in took.keys() | owes.keys():
        if took[order_id] != owes[order_id] and f"order-{order_id}" not in under_way:
            yield (
                f"order-{order_id}: {Decimal(took[order_id])} was taken, "
                f"but it owes {Decimal(owes[order_id])}"
            )


def _overtaken() -> Iterator[str]:
    last: dict[tuple[str, str], int] = {}
    rows = Testimony.objects.order_by("id").values_list("processor", "stream", "sequence")
    for processor, stream, sequence in rows.iterator(10_000):
        if sequence < last.get((processor, stream), 0):
            yield f"{processor} handled {stream}#{sequence} after #{last[processor, stream]}"
        last[processor, stream] = sequence
    # The leased witness writes its effects as events of the same stream.
    seen: dict[str, int] = {}
    witnessed = Event.objects.filter(type="Witnessed").order_by("position")
    for stream, data in witnessed.values_list("stream", "data").iterator(10_000):
        if data["sequence"] < seen.get(stream, 0):
            yield f"witness.leased handled {stream}#{data['sequence']} after #{seen[stream]}"
        seen[stream] = data["sequence"]


def _blamed_wrongly() -> Iterator[str]:
    wrong = Attempt.objects.exclude(error__in=ASKED_FOR)
    for attempt in wrong[:50]:
        yield (
            f"{attempt.processor} used up an attempt at event "
            f"{attempt.event_id} for {attempt.error}: {attempt.message[:120]}"
        )


def _died_wrongly() -> Iterator[str]:
    poison = Attempt.objects.filter(
        event=OuterRef("event"), processor=OuterRef("processor"), error=_POISON
    )
    for delivery in Delivery.objects.filter(~Exists(poison), state="dead")[:50]:
        yield f"{delivery.processor} has a dead letter that nobody asked for: {delivery.event_id}"
