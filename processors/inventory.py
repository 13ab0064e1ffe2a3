"""``inventory``: sets items aside for orders, whole orders only, and never more than there are."""

from __future__ import annotations

from collections import Counter

from events import scenarios
from events.domain_events import (
    InventoryRejected,
    InventoryReleased,
    InventoryReplenished,
    InventoryReserved,
    Item,
    OrderCancelled,
    OrderCreated,
    ReleaseRequested,
    ReservationRequested,
)
from flowdeck import Delivery, processor
from processors.models import Reservation, Stock

Wanted = OrderCreated | ReservationRequested
Unwanted = OrderCancelled | ReleaseRequested


@processor("inventory", batch=True, emits=(InventoryReserved, InventoryRejected, InventoryReleased))
def inventory(
    events: list[Wanted | Unwanted | InventoryReplenished],
    deliveries: list[Delivery],
) -> None:
    """Reserve stock for new orders, release that of cancelled ones, take in new stock.

    Set-based: the stock of all products of the batch is locked at once, in order of sku (so that
    two batches can't deadlock), decided on in memory, and written back at once.
    """
    reserved = _reservations(events)
    shelf = _locked_stock(events, reserved)
    new: dict[int, Reservation] = {}
    for event, delivery in zip(events, deliveries, strict=True):
        if isinstance(event, Wanted):
            if _reserve(event, delivery, shelf):
                new[event.order_id] = Reservation(
                    order_id=event.order_id, items=_as_json(event.items)
                )
        elif isinstance(event, Unwanted):
            held = new.get(event.order_id) or reserved.get(event.order_id)
            _release(event, delivery, held, shelf)
        else:
            shelf[event.sku] += event.quantity
    _write(shelf, list(new.values()), [row for row in reserved.values() if row.released])


def _reserve(event: Wanted, delivery: Delivery, shelf: Counter[str]) -> bool:
    wanted = Counter[str]()
    for item in event.items:
        wanted[item.sku] += item.quantity
    fault = scenarios.scenario(event.scenario)
    for sku, quantity in wanted.items():
        left = 0 if fault.out_of_stock else shelf[sku]
        if quantity > left:
            reason = f"Of {quantity} × {sku} only {left} are left."
            delivery.emit(InventoryRejected(order_id=event.order_id, sku=sku, reason=reason))
            return False
    shelf.subtract(wanted)
    delivery.emit(InventoryReserved(order_id=event.order_id, items=event.items))
    return True


def _release(
    event: Unwanted, delivery: Delivery, held: Reservation | None, shelf: Counter[str]
) -> None:
    if held is None or held.released:
        return
    items = [Item(**item) for item in held.items]
    for item in items:
        shelf[item.sku] += item.quantity
    held.released = True
    delivery.emit(InventoryReleased(order_id=event.order_id, items=items))


def _reservations(events: list[Wanted | Unwanted | InventoryReplenished]):  # type: ignore[no-untyped-def]
    cancelled = [event.order_id for event in events if isinstance(event, Unwanted)]
    return Reservation.objects.in_bulk(cancelled) if cancelled else {}


def _locked_stock(
    events: list[Wanted | Unwanted | InventoryReplenished],
    reserved: dict[int, Reservation],
) -> Counter[str]:
    skus = {item["sku"] for row in reserved.values() for item in row.items}
    for event in events:
        if isinstance(event, Wanted):
            skus.update(item.sku for item in event.items)
        elif isinstance(event, InventoryReplenished):
            skus.add(event.sku)
    locked = Stock.objects.select_for_update().filter(sku__in=skus).order_by("sku")
    return Counter({row.sku: row.available for row in locked})


def _write(shelf: Counter[str], new: list[Reservation], released: list[Reservation]) -> None:
    Stock.objects.bulk_create(
        [Stock(sku=sku, available=available) for sku, available in sorted(shelf.items())],
        update_conflicts=True,
        unique_fields=["sku"],
        update_fields=["available"],
    )
    Reservation.objects.bulk_create(new)
    if released:
        Reservation.objects.filter(pk__in=[row.pk for row in released]).update(released=True)


def _as_json(items: list[Item]) -> list[dict[str, object]]:
    return [item.model_dump(mode="json") for item in items]
