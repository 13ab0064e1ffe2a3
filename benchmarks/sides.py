"""What is measured, one function a side; each gives named numbers (a second, or milliseconds)."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from benchmarks import fill, growth, peer, rivals
from benchmarks.fill import Fill
from benchmarks.flowdeck import Database, Drained, Template, working
from benchmarks.memory import memory
from benchmarks.stand import Numbers, Stand

_PATIENCE = 180  # seconds


def celery(stand: Stand) -> Numbers:
    """Bare Celery: no-op tasks, all sent before the worker starts."""
    count = stand.amount(3_000)
    stand.servers.forget_messages()
    sent = peer.step(stand.servers, "bare", "send", count)
    with peer.celery_working(stand.servers, "bare"):
        return {"celery": count / peer.wait_marks(stand.servers), **sent}


def plain_django(stand: Stand) -> Numbers:
    """on_commit -> task.delay; the task inserts a processed row and updates one row."""
    count = stand.amount(1_500)
    with peer.database(stand.servers, "peer_plain") as database:
        stand.servers.forget_messages()
        peer.step(stand.servers, "plain", "prepare", database=database)
        sent = peer.step(stand.servers, "plain", "send", count, database=database)
        with peer.celery_working(stand.servers, "plain", database):
            return {"plain_django": count / peer.wait_marks(stand.servers), **sent}


def _drained(stand: Stand, name: str, what: Fill) -> Drained:
    with stand.postgresql.copied() as database:
        what.into(database)
        fill.settle_statistics(database)
        with working(database) as started, stand.profile(name):
            return database.wait_drained(started, _PATIENCE)


def noop(stand: Stand) -> Numbers:
    """Handlers without effect."""
    what = Fill("Pinged", "bench.noop", stand.amount(60_000))
    return {"noop": _drained(stand, "noop", what).rate}


def echo(stand: Stand) -> Numbers:
    """Handlers that return an event."""
    what = Fill("Asked", "bench.echo", stand.amount(30_000))
    return {"echo": _drained(stand, "echo", what).rate}


def orm(stand: Stand) -> Numbers:
    """Handlers that insert one row through the ORM."""
    what = Fill("Noted", "bench.orm", stand.amount(15_000))
    return {"orm": _drained(stand, "orm", what).rate}


def batch(stand: Stand) -> Numbers:
    """Handlers that take a batch, with one ORM insert for all of it."""
    what = Fill("Gathered", "bench.batch", stand.amount(80_000))
    return {"batch": _drained(stand, "batch", what).rate}


def workflow(stand: Stand) -> Numbers:
    """The whole order workflow of the shop: 14 deliveries an order."""
    return _workflow(stand, stand.postgresql, "workflow", stand.amount(2_000))


def sqlite_workflow(stand: Stand) -> Numbers:
    """The same on SQLite."""
    return _workflow(stand, stand.sqlite, "sqlite_workflow", stand.amount(1_000))


def _workflow(stand: Stand, template: Template, name: str, orders: int) -> Numbers:
    with template.copied() as database:
        before = _confirmed(database)
        placed = database.work("place_orders", orders)
        if not database.path:
            fill.settle_statistics(database)
        with working(database) as started, stand.profile(name):
            drained = database.wait_drained(started, _PATIENCE)
        if (confirmed := _confirmed(database) - before) != orders:
            raise SystemExit(f"Of {orders} orders {confirmed} were confirmed: not a fair measure.")
    seconds = drained.seconds
    return {
        name: drained.rate,
        f"{name}_orders": orders / seconds,
        f"{name}_placed": placed["orders"],
    }


def _confirmed(database: Database) -> int:
    query = "SELECT count(*) FROM events_ordersummary WHERE status = 'confirmed'"
    [(confirmed,)] = database.rows(query)
    return int(confirmed)


def publish_1(stand: Stand) -> Numbers:
    """Publishing one event per transaction, from one process, in turn with bare commits of a row
    through Django's connection."""
    with stand.postgresql.copied() as database:
        return database.work("publish_one", stand.amount(2_000))


def publish_100(stand: Stand) -> Numbers:
    """Publishing 100 events per transaction, from one process."""
    with stand.postgresql.copied() as database:
        return database.work("publish_hundred", stand.amount(200))


def latency(stand: Stand) -> Numbers:
    """From before publish() to within the handler, at 50 events/s, and from before delay() to
    within the task of bare Celery: every other second, with the workers of both waiting."""
    with (
        stand.postgresql.copied() as database,
        working(database),
        peer.celery_working(stand.servers, "bare"),
    ):
        _settle_in()
        seconds = _latency_seconds(stand)
        with ThreadPoolExecutor(1) as other:
            theirs = other.submit(peer.step, stand.servers, "bare", "send_timed", 50, seconds, 1)
            database.work("publish_timed", 50, seconds, 0)
            theirs.result()
        return {**_latencies(stand, "latency"), **_latencies(stand, "celery_latency")}


def order_latency(stand: Stand) -> Numbers:
    """50 orders/s with the whole workflow at work: OrderCreated to payment, to confirmation."""
    with stand.postgresql.copied() as database, working(database):
        _settle_in()
        database.work("order_steadily", 50, _latency_seconds(stand))
        database.wait_drained(0, _PATIENCE)
        return {
            **_percentiles("order_to_payment", [ms for (ms,) in database.rows(_TO_PAYMENT)]),
            **_percentiles("order_to_confirmed", [ms for (ms,) in database.rows(_TO_CONFIRMED)]),
        }


_TO_PAYMENT = """
SELECT extract(epoch FROM d.started_at - e.recorded_at)::float8 * 1000
FROM flowdeck_event e JOIN flowdeck_delivery d USING (position)
WHERE e.type = 'OrderCreated' AND d.processor = 'payment'
"""
_TO_CONFIRMED = """
SELECT extract(epoch FROM c.recorded_at - e.recorded_at)::float8 * 1000
FROM flowdeck_event e JOIN flowdeck_event c USING (stream)
WHERE e.type = 'OrderCreated' AND c.type = 'OrderConfirmed'
"""


def confirmed_p99(database: Database) -> float:
    """From OrderCreated to OrderConfirmed, in milliseconds."""
    times = [ms for (ms,) in database.rows(_TO_CONFIRMED)]
    return _percentiles("confirmed", times)["confirmed_p99"]


def _settle_in() -> None:
    time.sleep(3)  # workers start, connect and are idle


def _latency_seconds(stand: Stand) -> int:
    return 4 if stand.quick else 6


def _latencies(stand: Stand, name: str) -> Numbers:
    import redis

    client = redis.Redis.from_url(stand.servers.redis)
    wanted = 50 * _latency_seconds(stand)
    deadline = time.time() + 30
    while client.llen(name) < wanted and time.time() < deadline:
        time.sleep(0.05)
    times = [float(one) * 1000 for one in client.lrange(name, 0, -1)]
    if len(times) != wanted:
        raise SystemExit(f"{name}: of {wanted} messages {len(times)} were handled.")
    return _percentiles(name, times[50:])  # the first second warms up


def _percentiles(name: str, times: list[float]) -> Numbers:
    ordered = sorted(times)
    return {
        f"{name}_p50": ordered[len(ordered) // 2],
        f"{name}_p99": ordered[int(len(ordered) * 0.99)],
    }


SIDES: dict[str, Callable[[Stand], Numbers]] = {
    side.__name__: side
    for side in (
        celery,
        noop,
        echo,
        batch,
        orm,
        plain_django,
        workflow,
        sqlite_workflow,
        publish_1,
        publish_100,
        latency,
        order_latency,
        growth.empty,
        growth.hot_key,
        growth.dead_keys,
        growth.backlog,
        rivals.procrastinate,
        rivals.eventsourcing,
        rivals.celery_outbox,
        memory,
    )
}
