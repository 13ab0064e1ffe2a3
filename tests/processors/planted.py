"""Twenty planted causes over the shop, and some more: what is done, and what is asked then.

Each is a function that is given the next order's number and returns what to ask ``why`` of; the
table says which kind of fact is to come first, and a word of its sentence. Rows and declarations
alone: no process runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import uuid4

from events.domain_events import (
    InventoryReleased,
    Item,
    OrderCancelled,
    OrderCreated,
    OrderSubmitted,
)
from flowdeck import Breaker, Limits, clock, publish
from flowdeck.connect.outlets import outlet, outlets
from flowdeck.declare.registry import Processor, registry
from flowdeck.engine import drain, pause
from flowdeck.letters import dead_letters
from flowdeck.log import timers
from flowdeck.models import (
    Attempt,
    Connector,
    Due,
    Event,
    FlowControl,
    Lane,
    Subscription,
    Timer,
    Worker,
)
from flowdeck.testing import settle

BY, WHY = "lena", "stock taking"


class Plant(NamedTuple):
    """What is done, what is to be found first, and a word of it."""

    do: Callable[[int], str]
    kind: str
    word: str


def worker(name: str = "here:1", **fields: Any) -> None:
    now = clock.now()
    Worker.objects.update_or_create(
        name=name, defaults={"started_at": now, "seen_at": now, **fields}
    )


def order(number: int, scenario: str = "", stream: str = "") -> str:
    """Publish an order; its stream."""
    name = stream or f"order-{number}"
    items = [Item(sku="mug", quantity=1, price=Decimal("14.00"))]
    event = OrderCreated(
        order_id=number, user_id=1, total=Decimal("14.00"), items=items, scenario=scenario
    )
    publish(event, stream=name)
    return name


def mediated(number: int) -> str:
    items = [Item(sku="mug", quantity=1, price=Decimal("14.00"))]
    event = OrderSubmitted(order_id=number, user_id=1, total=Decimal("14.00"), items=items)
    publish(event, stream=f"mediated-{number}")
    return f"mediated-{number}"


def without(*names: str) -> None:
    """Work off all but these processors."""
    for _ in range(6):
        for name in registry.processors:
            if name not in names:
                drain.drain(registry.processors[name])


def declared(name: str, **changes: Any) -> Processor:
    """The processor, declared otherwise from now on."""
    changed = replace(registry.processors[name], **changes)
    registry.remove_processor(name)
    registry.add_processor(changed)
    return changed


def held(stream: str, processor: str, **fields: Any) -> Due:
    """Change its delivery of the order."""
    position = Event.objects.filter(stream=stream).earliest("sequence").pk
    rows = Due.objects.filter(processor=processor, event_id=position)
    rows.update(**fields)
    return rows.get()


def buried(stream: str, processor: str, error: str = "MalformedPayment") -> Due:
    """A dead letter, as if the attempts had been used up."""
    now = clock.now()
    newest = Due.objects.filter(letter__isnull=False).order_by("-letter").first()
    letter = 1 + ((newest.letter if newest else 0) or 0)
    row = held(stream, processor, state="dead", attempts=5, letter=letter, finished_at=now)
    fields = {"event_id": row.event_id, "processor": processor, "number": 5, "outcome": "failed"}
    told = {"error": error, "message": "not a number", "traceback": "", "frame": "x"}
    Attempt.objects.create(
        **fields, **told, fingerprint="f", worker="here:1", started_at=now, finished_at=now
    )
    return row


def dead(number: int) -> str:
    order(number, "poison")
    settle()
    return f"order-{number}"


def parked(number: int) -> str:
    stream = order(number)
    without("inventory")
    row = buried(stream, "inventory")
    cancelled = OrderCancelled(order_id=number, user_id=1, reason="The customer asked for it.")
    publish(cancelled, stream=stream)
    assert row.letter
    position = Event.objects.filter(stream=stream).latest("sequence").pk
    return f"event {position}"


def dead_far_upstream(number: int) -> str:
    """Notification is asked about; inventory is where it broke, two processors before."""
    stream = order(number)
    without("inventory")
    buried(stream, "inventory")
    return f"trace {Event.objects.filter(stream=stream).earliest('sequence').correlation_id}"


def discarded(number: int) -> str:
    order(number, "poison")
    settle()
    letter = Due.objects.filter(event__stream=f"order-{number}", state="dead").get().letter
    dead_letters.discard([letter or 0], by=BY, reason="a test")
    settle()
    return f"order-{number}"


def paused(number: int) -> str:
    pause.pause("payment", by=BY, reason=WHY)
    order(number)
    without("payment")
    return f"order-{number}"


def breaker(number: int) -> str:
    declared("payment", breaker=Breaker())
    order(number)
    without("payment")
    until = clock.now() + timedelta(seconds=25)
    FlowControl.objects.create(processor="payment", open_until=until, rest=30.0, error="Timeout")
    return f"order-{number}"


def snoozed_by_breaker(number: int) -> str:
    """What failed while it was open sleeps until it is tried: the breaker is the cause."""
    breaker(number)
    until = clock.now() + timedelta(seconds=25)
    held(f"order-{number}", "payment", state="sleeping", due_at=until)
    return f"order-{number}"


def limit(number: int) -> str:
    declared("payment", limits=Limits(per="2/min"))
    order(number)
    without("payment")
    at = clock.now() + timedelta(seconds=20)
    FlowControl.objects.create(processor="payment", next_at=at, not_before=at)
    return f"order-{number}"


def concurrent(number: int) -> str:
    declared("payment", limits=Limits(concurrent=1))
    worker("other:1")
    order(number)
    without("payment")
    row = held(f"order-{number}", "payment")
    lane = Lane.objects.filter(processor="payment").exclude(
        first_slot__lte=row.slot, last_slot__gte=row.slot
    )[0]
    now = clock.now()
    lane.token, lane.worker, lane.claimed_at = uuid4(), "other:1", now
    lane.lease_expires_at = now + timedelta(seconds=30)
    lane.save()
    FlowControl.objects.create(processor="payment")
    return f"order-{number}"


def retrying(number: int) -> str:
    order(number)
    without("payment")
    row = buried(f"order-{number}", "payment", "ProviderDown")
    due = clock.now() + timedelta(seconds=40)
    Due.objects.filter(pk=row.pk).update(state="retrying", due_at=due, attempts=2, letter=None)
    return f"order-{number}"


def sleeping(number: int) -> str:
    order(number)
    without("payment")
    due = clock.now() + timedelta(hours=2)
    held(f"order-{number}", "payment", state="sleeping", due_at=due)
    return f"order-{number}"


def no_worker(number: int) -> str:
    Worker.objects.all().delete()
    order(number)
    without("payment")
    long_ago()
    return f"order-{number}"


def long_ago() -> None:
    """Nobody has claimed anything lately."""
    Lane.objects.update(claimed_at=clock.now() - timedelta(minutes=5))


def wrong_queue(number: int) -> str:
    Worker.objects.all().delete()
    worker("mail:7", hears=False, queues="mail, reports")
    order(number)
    without("payment")
    long_ago()
    return f"order-{number}"


def crashed(number: int) -> str:
    order(number)
    without("payment")
    row = held(f"order-{number}", "payment")
    lane = Lane.objects.filter(
        processor="payment", first_slot__lte=row.slot, last_slot__gte=row.slot
    )
    lane.update(claims=7, suspect=row.event_id, suspected_at=clock.now())
    return f"order-{number}"


def backlog(number: int) -> str:
    for other in range(30):
        order(number * 1000 + other)
    order(number)
    without("payment")
    return f"order-{number}"


def unknown_version(number: int) -> str:
    """The order was placed by newer code than this."""
    order(number)
    without("payment")
    known = registry.event_types["OrderCreated"]
    registry.event_types["OrderCreated"] = replace(known, version=known.version - 1)
    drain.drain_all()
    return f"order-{number}"


def missing_subscription(number: int) -> str:
    """Inventory does not hear OrderCreated any more, and is through with the rest."""
    known = registry.processors["inventory"].subscriptions
    declared("inventory", subscriptions=tuple(one for one in known if one != "OrderCreated"))
    Subscription.objects.filter(processor="inventory", type="OrderCreated").delete()
    order(number)
    settle()
    return f"order-{number}"


def nobody_declares_it(number: int) -> str:
    order(number)
    without("inventory")
    registry.remove_processor("inventory")
    return f"order-{number}"


def timer_not_due(number: int) -> str:
    mediated(number)
    without("inventory")
    Due.objects.filter(processor="inventory", event__stream=f"mediated-{number}").delete()
    return f"timer {Timer.objects.get(stream=f'mediated-{number}', ended_at=None).pk}"


def timer_cancelled(number: int) -> str:
    mediated(number)
    without("inventory")
    timer = Timer.objects.get(stream=f"mediated-{number}", ended_at=None)
    timers.call_off(timer.pk, by=BY, reason=WHY)
    return f"timer {timer.pk}"


def timers_held(number: int) -> str:
    mediated(number)
    without("inventory")
    timers.hold(by=BY, reason=WHY)
    Timer.objects.update(due_at=clock.now() - timedelta(minutes=1))
    return f"timer {Timer.objects.get(stream=f'mediated-{number}', ended_at=None).pk}"


def in_another_step(number: int) -> str:
    """Items come back while the mediator still waits for the warehouse to set them aside."""
    stream = mediated(number)
    without("inventory")
    trace = Event.objects.filter(stream=stream)[0].correlation_id
    items = [Item(sku="mug", quantity=1, price=Decimal("14.00"))]
    early = InventoryReleased(order_id=number, items=items)
    publish(early, stream=stream, correlation_id=trace)
    without("inventory")
    Due.objects.filter(processor="inventory", event__stream=stream).delete()
    Timer.objects.filter(stream=stream).delete()
    return f"mediator {stream}"


def outlet_paused(number: int) -> str:
    order(number)
    Connector.objects.create(name="lake", paused_at=clock.now(), paused_by=BY, pause_reason=WHY)
    return "lake"


def outlet_held(number: int) -> str:
    stream = order(number)
    row = Event.objects.filter(stream=stream).earliest("sequence")
    until = clock.now() + timedelta(seconds=10)
    Connector.objects.create(name="lake", position=row.pk, lease_expires_at=until)
    Due.objects.create(
        event_id=row.pk, processor="lake", key=row.key, slot=1, state="dead", letter=901
    )
    return "lake"


def outlet_away(number: int) -> str:
    until, now = clock.now() + timedelta(seconds=10), clock.now()
    told = {"error": "BrokerAway: refused", "failures": 4, "failed_at": now}
    Connector.objects.create(name="lake", lease_expires_at=until, **told)
    return "lake"


@contextmanager
def planted_in_a_shop() -> Iterator[None]:
    """An outlet and a worker alive; what a plant declares otherwise is undone at the end."""
    processors, types = dict(registry.processors), dict(registry.event_types)
    outlet("lake", broker="nowhere", to="lake")
    worker()
    try:
        yield
    finally:
        outlets.pop("lake")
        registry.event_types.clear()
        registry.event_types.update(types)
        for name in {*registry.processors, *processors}:
            registry.remove_processor(name)
        for one in processors.values():
            registry.add_processor(one)


PLANTS = {
    "dead": Plant(dead, "dead", "payment has OrderCreated"),
    "parked behind a dead letter": Plant(parked, "dead", "inventory has OrderCreated"),
    "dead far upstream": Plant(dead_far_upstream, "dead", "inventory has OrderCreated"),
    "paused": Plant(paused, "paused", "payment is paused by lena"),
    "breaker open": Plant(breaker, "breaker", "The breaker of payment is open"),
    "asleep since the breaker opened": Plant(snoozed_by_breaker, "breaker", "breaker of payment"),
    "limit of starts reached": Plant(limit, "limit", "payment is at its limit of 2/min"),
    "retrying": Plant(retrying, "retrying", "attempt 2 of 5"),
    "snoozed": Plant(sleeping, "sleeping", "payment has put OrderCreated"),
    "no worker": Plant(no_worker, "no worker", "No worker is alive"),
    "wrong queue": Plant(wrong_queue, "wrong queue", "hear mail, reports"),
    "crashed handler": Plant(crashed, "crashes", "Workers died in payment"),
    "backlog ahead": Plant(backlog, "backlog", "are ahead of OrderCreated"),
    "unknown version": Plant(
        unknown_version, "unknown version", "payment waits for code that knows OrderCreated"
    ),
    "missing subscription": Plant(missing_subscription, "not subscribed", "does not subscribe"),
    "timer not yet due": Plant(timer_not_due, "timer open", "is not due yet"),
    "timer cancelled": Plant(timer_cancelled, "timer cancelled", "was cancelled by lena"),
    "process in another step": Plant(in_another_step, "in step", "InventoryReleased came in step"),
    "outlet paused": Plant(outlet_paused, "outlet paused", "lake is paused by lena"),
    "outlet held": Plant(outlet_held, "outlet held", "lake holds the key"),
}
MORE = {
    "limit of calls at once reached": Plant(concurrent, "limit", "1 of 1 calls at once"),
    "discarded": Plant(discarded, "discarded", "discarded OrderCreated"),
    "processor not declared": Plant(nobody_declares_it, "undeclared", "the processor inventory"),
    "timers held": Plant(timers_held, "timers held", "All timers are held by lena"),
    "broker away": Plant(outlet_away, "outlet fault", "failed 4 times in a row"),
}
