"""Steps that need our Django, each in a process of its own: ``python -m benchmarks.work STEP N``.

Prints what it measured as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import django

django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.contrib.sessions.models import Session  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.test import Client  # noqa: E402

from benchmarks import turns  # noqa: E402
from benchmarks.flow.events import Answered, Pinged, Served, Timed  # noqa: E402
from events import orders  # noqa: E402
from events.domain_events import InventoryReplenished  # noqa: E402
from events.models import Product  # noqa: E402
from flowdeck import Draft, publish  # noqa: E402
from flowdeck.engine.drain import drain_all  # noqa: E402
from flowdeck.sql.parts import chunked  # noqa: E402
from flowdeck.testing import settle  # noqa: E402
from flowdeck.why.ask import why  # noqa: E402

_ORDERS_AT_ONCE = 100
_TIMERS_AT_ONCE = 500
_AT_A_TIME = 50  # so that whatever disturbs the machine disturbs all that take turns


def prepare() -> dict[str, float]:
    """Tables, a customer, and products in stock for any number of orders."""
    call_command("migrate", run_syncdb=True, verbosity=0)
    call_command("seed_demo")
    skus = Product.objects.values_list("sku", flat=True)
    publish(
        *[
            Draft(InventoryReplenished(sku=sku, quantity=10_000_000), stream=f"product-{sku}")
            for sku in skus
        ]
    )
    settle()
    return {}


def place_orders(count: str) -> dict[str, float]:
    """Orders without faults, 100 per transaction."""
    user = User.objects.get(username="customer")
    skus = list(Product.objects.values_list("sku", flat=True))
    wanted = [([{"sku": skus[n % len(skus)], "quantity": 1}], "") for n in range(int(count))]
    started = time.perf_counter()
    for first in range(0, len(wanted), _ORDERS_AT_ONCE):
        orders.place_many(user, wanted[first : first + _ORDERS_AT_ONCE])
    return {"orders": int(count) / (time.perf_counter() - started)}


def order_steadily(rate: str, seconds: str, name: str = "bench") -> dict[str, float]:
    """So many orders a second, one by one, as customers place them."""
    user = User.objects.get(username="customer")
    items = [{"sku": Product.objects.values_list("sku", flat=True)[0], "quantity": 1}]
    for n in _steadily(float(rate), float(seconds)):
        orders.place_order(user, items, f"{name}-{n}")
    return {}


def publish_one(count: str) -> dict[str, float]:
    """One event per transaction, each of a stream of its own; and in turn with that what it is held
    against: one small row per transaction, without ORM or index."""

    def event(n: int) -> None:
        publish(Pinged(n=n), stream=f"one-{n}")

    def row(n: int) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("INSERT INTO bare (n, text) VALUES (%s, %s)", [n, "noted"])

    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bare (n int, text text)")
    rates = _rates_in_turn(int(count), event, row)
    return dict(zip(("publish_1", "commit_row"), rates, strict=True))


def publish_hundred(count: str) -> dict[str, float]:
    """100 events per transaction."""

    def one(n: int) -> None:
        events = [Draft(Pinged(n=i), stream=f"hundred-{n}-{i}") for i in range(100)]
        publish(*events)

    return {"publish_100": 100 * _rate(int(count), one)}


def publish_tenants(of_each: str, of_hog: str) -> dict[str, float]:
    """Events of nine tenants, behind those of one that has many."""
    wanted = [("hog", n) for n in range(int(of_hog))]
    wanted += [(f"small-{n % 9}", n) for n in range(9 * int(of_each))]
    for some in chunked(wanted, 500):
        publish(
            *[
                Draft(Served(n=n, tenant=tenant), stream=f"{tenant}-{n // 9 % 20}")
                for tenant, n in some
            ]
        )
    return {}


def publish_timed(rate: str, seconds: str, turn: str) -> dict[str, float]:
    """Events that carry the moment they were published, in every other second."""
    for n in turns.steadily(int(rate), int(seconds), int(turn)):
        publish(Timed(at=time.time()), stream=f"timed-{n}")
    return {}


def seed_log(count: str) -> dict[str, float]:
    """A log of so many events out of orders with every kind of fault (and the tables for it)."""
    from benchmarks.seeding import seed

    prepare()
    call_command("traffic", orders=100, rate=0, mix="faulty", seed=1, stdout=sys.stderr)
    settle()
    call_command("traffic", orders=200, rate=0, mix="default", seed=2, stdout=sys.stderr)
    drain_all()
    began = time.perf_counter()
    done = seed(int(count))
    seconds = time.perf_counter() - began
    return {"events": done.events, "deliveries": done.deliveries, "seconds": seconds}


def ask_why(rounds: str) -> dict[str, Any]:
    """Each planted cause, in a transaction that is rolled back: is it first, and how fast."""
    from flowdeck.history import rebuild
    from tests.processors import planted

    rebuild.rebuild()
    times: dict[str, list[float]] = {}
    wrong: dict[str, str] = {}
    for number, (name, plant) in enumerate({**planted.PLANTS, **planted.MORE}.items(), 1):
        with planted.planted_in_a_shop(), transaction.atomic():
            of = plant.do(1_000_000 + number)
            for turn in range(int(rounds) + 1):
                began = time.perf_counter()
                found = why(of)
                if turn:  # the first one warms up
                    times.setdefault(name, []).append((time.perf_counter() - began) * 1000)
            said = found.facts[0] if found and found.facts else None
            if said is None or said.kind != plant.kind or plant.word not in said.said:
                wrong[name] = said.said if said else "nothing"
            transaction.set_rollback(True)
    every = sorted(one for found_times in times.values() for one in found_times)
    return {
        "why_right_of_20": sum(name not in wrong for name in planted.PLANTS),
        "why_right_of_more": sum(name not in wrong for name in planted.MORE),
        "why_p95_ms": round(every[int(0.95 * len(every))], 1),
        "why_slowest_ms": {
            name: round(max(found_times), 1)
            for name, found_times in sorted(times.items(), key=lambda item: -max(item[1]))[:5]
        },
        "wrong": wrong,
    }


def addresses() -> dict[str, Any]:
    """Every page and filter, and the cookie of somebody who may open them."""
    from tests import every_page

    paths = [path for of_page in every_page.pages().values() for path in of_page]
    return {"paths": paths, "cookie": every_page.administrator().cookies["sessionid"].value}


def set_timers(count: str, seconds: str) -> dict[str, float]:
    """So many timers that are due in so many seconds, each of a stream of its own."""
    return _timers(int(count), lambda n: float(seconds))


def set_timers_at(count: str, due: str) -> dict[str, float]:
    """So many that are due at the same moment."""
    return _timers(int(count), lambda n: max(0.0, float(due) - time.time()))


def set_timers_evenly(rate: str, seconds: str, ahead: str) -> dict[str, float]:
    """So many a second, for so many seconds, beginning in a few."""
    first = time.time() + float(ahead)
    count = int(rate) * int(seconds)
    return _timers(count, lambda n: max(0.0, first + n / int(rate) - time.time()))


def _timers(count: int, left: Callable[[int], float]) -> dict[str, float]:
    began = time.perf_counter()
    for first in range(0, count, _TIMERS_AT_ONCE):
        with transaction.atomic():
            for n in range(first, min(first + _TIMERS_AT_ONCE, count)):
                publish(Answered(n=n), stream=f"timer-{n}", in_=left(n))
    return {"timers_set_per_s": count / (time.perf_counter() - began)}


def sign_in(count: str) -> dict[str, Any]:
    """Cookies of so many sessions of an operator."""
    client = Client(HTTP_HOST="localhost")
    client.force_login(User.objects.get(username="operator"))
    first = Session.objects.get(pk=client.cookies["sessionid"].value)
    names = [f"{n:032x}" for n in range(int(count))]
    Session.objects.bulk_create(
        Session(name, first.session_data, expire_date=first.expire_date) for name in names
    )
    return {"cookies": names}


def publish_steadily(rate: str, seconds: str) -> dict[str, float]:
    """So many small events a second, in transactions of at most 1/50 second's worth."""
    size = max(1, int(float(rate)) // 50)
    published = 0
    for n in _steadily(float(rate) / size, float(seconds)):
        publish(*[Draft(Timed(at=time.time()), stream=f"s-{n}-{i}") for i in range(size)])
        published += size
    return {"published": published}


def _rate(count: int, one: Callable[[int], object]) -> float:
    [rate] = _rates_in_turn(count, one)
    return rate


def _rates_in_turn(count: int, *sides: Callable[[int], object]) -> list[float]:
    spent = [0.0 for _ in sides]
    for one in sides:
        for n in range(-20, 0):
            one(n)  # connections, plans, imports
    for first in range(0, count, _AT_A_TIME):
        for number, one in enumerate(sides):
            started = time.perf_counter()
            for n in range(first, first + _AT_A_TIME):
                one(n)
            spent[number] += time.perf_counter() - started
    return [count / seconds for seconds in spent]


def _steadily(rate: float, seconds: float):  # type: ignore[no-untyped-def]
    started = time.perf_counter()
    for n in range(int(rate * seconds)):
        time.sleep(max(0.0, started + n / rate - time.perf_counter()))
        yield n


STEPS = {
    step.__name__: step
    for step in (
        prepare,
        place_orders,
        order_steadily,
        publish_one,
        publish_hundred,
        publish_timed,
        publish_tenants,
        seed_log,
        ask_why,
        addresses,
        set_timers,
        set_timers_at,
        set_timers_evenly,
        sign_in,
        publish_steadily,
    )
}

if __name__ == "__main__":
    print(json.dumps(STEPS[sys.argv[1]](*sys.argv[2:])))
