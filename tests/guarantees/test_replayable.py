"""Invariant 8: replaying the log gives exactly the live read models, and never reaches outside."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import F, Model

from events import orders
from events.domain_events import InventoryReplenished
from events.models import OrderSummary, Product, Sales, StockLevel
from flowdeck import Delivery as Handed
from flowdeck import projection, publish
from flowdeck.declare.registry import registry
from flowdeck.engine import lanes
from flowdeck.engine.drain import drain
from flowdeck.models import Delivery, Lane, ProcessorState, ReplayRun
from flowdeck.replay import runs
from flowdeck.testing import settle
from flowdeck.verification import verify
from processors import gateway
from tests.deliveries import change, remove
from tests.polling import eventually
from tests.probe.events import Probed
from tests.probe.models import Effect, Tally

pytestmark = pytest.mark.django_db(transaction=True)
SHOP = ["orders", "stock", "sales"]
SCENARIOS = ["", "", "card_declined", "out_of_stock", "provider_down", "poison"]


@pytest.fixture
def history(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Orders with every kind of fault, some of them unresolved."""
    settings.DEMO = True
    monkeypatch.setattr(gateway, "_take_time", lambda seconds: None)
    for sku, price in [("mug", "14.00"), ("lamp", "59.00")]:
        Product.objects.create(sku=sku, name=sku, price=Decimal(price))
        publish(InventoryReplenished(sku=sku, quantity=12), stream=f"product-{sku}")
    customer = User.objects.create_user("customer")
    wanted = [
        ([{"sku": ["mug", "lamp"][n % 2], "quantity": 1 + n % 3}], SCENARIOS[n % 6])
        for n in range(18)
    ]
    orders.place_many(customer, wanted)
    settle()


def run(kind: str, *names: str, **options: Any) -> ReplayRun:
    """Ask for a run and do it here."""
    done = runs.execute(runs.request(kind, names, by="tester", **options).pk)
    assert done is not None
    return done


def differing(done: ReplayRun) -> int:
    assert done.state == "finished", done.error
    return sum(model["differing"] for model in done.result["models"])


def rows(model: type[Model]) -> list[dict[str, Any]]:
    names = [field.name for field in model._meta.fields if field.name != "id"]
    return sorted(model._default_manager.values(*names), key=str)


@pytest.mark.usefixtures("history")
def test_a_replay_equals_what_is_live() -> None:
    done = run("verify", *SHOP)
    assert differing(done) == 0
    assert [model["rows"] for model in done.result["models"]] == [18, 2, Sales.objects.count()]
    assert done.done == done.total > 50


@pytest.mark.usefixtures("history")
def test_a_planted_difference_is_named() -> None:
    StockLevel.objects.filter(sku="mug").update(available=F("available") + 1)
    order = OrderSummary.objects.earliest("order_id")
    OrderSummary.objects.filter(pk=order.pk).delete()
    Sales.objects.create(day="2001-01-01", sku="ghost", quantity=1, revenue=1)
    out = io.StringIO()
    with pytest.raises(SystemExit) as exited:
        call_command("replay", *SHOP, "--verify", stdout=out)
    assert exited.value.code == 1
    text = out.getvalue()
    true = StockLevel.objects.get(sku="mug").available - 1
    assert f"events.StockLevel mug: available is {true + 1}, not {true}" in text
    assert f"events.OrderSummary {order.pk}: missing in the live table" in text
    assert "events.Sales 2001-01-01 / ghost: in the live table, but not in the log" in text


@pytest.mark.usefixtures("history")
def test_a_rebuild_mends_only_what_differs() -> None:
    true = {model: rows(model) for model in (OrderSummary, StockLevel, Sales)}
    ids = set(Sales.objects.values_list("pk", "day", "sku"))
    StockLevel.objects.filter(sku="mug").update(available=-5)
    OrderSummary.objects.all().delete()
    Sales.objects.create(day="2001-01-01", sku="ghost", quantity=1, revenue=1)
    assert differing(run("rebuild", *SHOP)) == 20
    assert {model: rows(model) for model in true} == true
    assert set(Sales.objects.values_list("pk", "day", "sku")) == ids
    assert differing(run("verify", *SHOP)) == 0


def test_the_past_can_be_looked_at() -> None:
    positions = [publish(Probed(n=n), stream="probe-1").positions[0] for n in range(5)]
    settle()
    (model,) = run("preview", "probe.tally", to_position=positions[2]).result["models"]
    assert model["first"] == [{"stream": "probe-1", "count": "3"}]
    assert Tally.objects.get().count == 5


def test_after_a_replay_the_log_goes_on_where_it_was() -> None:
    # Temporary tables bring a sqlite_sequence of their own, which hides the one of the log.
    [before] = publish(Probed(n=1), stream="probe-1").positions
    settle()
    assert all(model["differing"] == 0 for model in runs.compared())
    [after] = publish(Probed(n=2), stream="probe-1").positions
    assert after > before


def test_what_is_unfinished_or_discarded_is_not_replayed() -> None:
    for n in range(4):
        publish(Probed(n=n), stream=f"probe-{n}")
    settle()
    publish(Probed(n=9), stream="probe-0")
    change(
        Delivery.objects.filter(processor="probe.tally", event__stream="probe-1"), state="discarded"
    )
    Tally.objects.filter(stream="probe-1").delete()
    assert differing(run("verify", "probe.tally")) == 0
    settle()
    assert Tally.objects.get(stream="probe-0").count == 2
    assert differing(run("verify", "probe.tally")) == 0


def test_processors_with_other_effects_are_refused() -> None:
    with pytest.raises(CommandError, match=r"'probe.atomic' is no projection: .* would repeat"):
        call_command("replay", "probe.atomic", "--verify")
    with pytest.raises(CommandError, match="leave out the position"):
        call_command("replay", "probe.tally", "--verify", "--to", "3")
    assert not ReplayRun.objects.exists()


def test_a_run_from_the_shell_is_held_to_what_its_dry_run_showed() -> None:
    """Of two who were asked about the same rebuild one starts it."""
    publish(Probed(n=1), stream="probe-1")
    settle()
    out = io.StringIO()
    call_command("replay", "probe.tally", "--rebuild", "--dry-run", stdout=out)
    assert not ReplayRun.objects.exists()
    seen = out.getvalue().rpartition("--seen ")[2].strip()
    call_command("replay", "probe.tally", "--rebuild", "--seen", seen)
    with pytest.raises(CommandError, match="Meanwhile run"):
        call_command("replay", "probe.tally", "--rebuild", "--seen", seen)
    assert ReplayRun.objects.count() == 1


def test_a_projection_that_writes_elsewhere_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    publish(Probed(n=1), stream="probe-1")
    settle()

    def careless(events: list[Probed], deliveries: list[Any]) -> None:
        assert deliveries[0].replaying
        Effect.objects.all().delete()
        Effect.objects.create(processor="x", stream="x", sequence=1, position=1, attempt=1)

    declared = registry.processor("probe.tally")
    monkeypatch.setitem(
        registry.processors,
        "probe.tally",
        type(declared)(**{**vars(declared), "handler": careless}),
    )
    before = Effect.objects.count()
    done = run("rebuild", "probe.tally")
    assert done.state == "failed"
    assert "writes to probe_effect, which is not among its models" in done.error
    assert Effect.objects.count() == before
    assert Tally.objects.get().count == 1


@contextmanager
def in_the_background(work: Any) -> Iterator[threading.Event]:
    """Call ``work(n)`` again and again in a thread for the length of the block."""
    stop, faults = threading.Event(), list[BaseException]()

    def loop() -> None:
        n = 0
        try:
            while not stop.is_set():
                work(n)
                n += 1
        except Exception as error:
            faults.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(60)
    assert faults == []


def probe_now(n: int) -> None:
    publish(*[Probed(n=n) for _ in range(3)], stream=f"probe-{n % 7}")
    drain(registry.processor("probe.tally"))


@pytest.mark.crowd
def test_a_rebuild_under_load_is_never_seen_half_done_and_loses_nothing() -> None:
    for n in range(300):
        publish(Probed(n=n), stream=f"probe-{n % 7}")
    settle()
    Tally.objects.filter(stream="probe-3").update(count=1_000_000)
    smallest: list[int] = []

    def look(n: int) -> None:
        smallest.append(min(Tally.objects.values_list("count", flat=True), default=0))

    with in_the_background(probe_now), in_the_background(look):
        done = run("rebuild", "probe.tally")
        assert differing(done) == 1
        eventually(lambda: len(smallest) > 20)
    settle()
    assert min(smallest) >= 42
    assert differing(run("verify", "probe.tally")) == 0
    assert not Delivery.objects.exclude(state="done").filter(processor="probe.tally").exists()
    assert (
        sum(Tally.objects.values_list("count", flat=True))
        == Delivery.objects.filter(processor="probe.tally").count()
    )


LATE = "probe.late"


@pytest.fixture
def seen() -> Iterator[list[tuple[str, int]]]:
    """What a projection saw that :func:`declare_late` declares; it is forgotten at the end."""
    SEEN.clear()
    yield SEEN
    registry.remove_processor(LATE)
    lanes.forget_created()


SEEN: list[tuple[str, int]] = []


def declare_late() -> None:
    """Declare a projection when the log has a past already."""

    @projection(LATE, model=Tally, batch=True)
    def late(events: list[Probed], deliveries: list[Handed]) -> None:
        SEEN.extend((d.envelope.stream, d.envelope.sequence) for d in deliveries)


@pytest.mark.crowd
def test_a_new_projection_has_no_seam(seen: list[tuple[str, int]]) -> None:
    for n in range(200):
        publish(Probed(n=n), stream=f"probe-{n % 7}")
    with in_the_background(probe_now):
        declare_late()
        eventually(lambda: drain(registry.processor(LATE)) and len(seen) > 210)
    settle()
    wanted = Delivery.objects.filter(processor="probe.tally")
    assert sorted(seen) == sorted(wanted.values_list("event__stream", "event__sequence"))
    for stream in {stream for stream, _ in seen}:
        mine = [sequence for name, sequence in seen if name == stream]
        assert mine == sorted(mine)
    assert list(verify()) == []


def test_nothing_of_a_new_projection_is_claimed_before_its_past_is_there(
    seen: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(Probed(n=1), stream="probe-1")
    declare_late()
    publish(Probed(n=2), stream="probe-1")
    with monkeypatch.context() as patched:  # a transaction that is open for long
        patched.setattr("flowdeck.engine.backfill.settled_position", lambda patience: None)
        assert drain(registry.processor(LATE)) == 0
        assert "is new" in run("verify", LATE).error
    drain(registry.processor(LATE))
    assert seen == [("probe-1", 1), ("probe-1", 2)]
    assert ProcessorState.objects.get(name=LATE).backfilled_to > 0


def test_a_rebuild_takes_in_what_was_never_delivered() -> None:
    publish(Probed(n=1), Probed(n=2), stream="probe-1")
    settle()
    remove(Delivery.objects.filter(processor="probe.tally"))
    Tally.objects.all().delete()
    assert differing(run("verify", "probe.tally")) == 1
    assert differing(run("rebuild", "probe.tally")) == 1
    assert Tally.objects.get().count == 2
    adopted = Delivery.objects.filter(processor="probe.tally")
    assert list(adopted.values_list("state", flat=True)) == ["done", "done"]
    assert list(verify()) == []


KILLED = """
import os, signal, django
django.setup()
from django.db import connections
connections["default"].settings_dict["NAME"] = os.environ["TEST_DATABASE"]
from flowdeck.replay import runs
runs.make_equal = lambda shadow, real=runs.make_equal: (
    real(shadow), os.kill(os.getpid(), signal.SIGKILL))
runs.execute(int(os.environ["RUN"]))
"""


@pytest.mark.crowd
def test_a_rebuild_killed_at_the_last_moment_leaves_the_live_model_alone() -> None:
    publish(*[Probed(n=n) for n in range(50)], stream="probe-1")
    settle()
    Tally.objects.update(count=7)
    asked = runs.request("rebuild", ["probe.tally"], by="tester")
    environment = {
        **os.environ,
        "RUN": str(asked.pk),
        "TEST_DATABASE": str(connection.settings_dict["NAME"]),
    }
    killed = subprocess.run(
        [sys.executable, "-c", KILLED], env=environment, check=False, timeout=60
    )
    assert killed.returncode == -signal.SIGKILL
    assert Tally.objects.get().count == 7
    asked.refresh_from_db()
    assert asked.state == "running"
    ReplayRun.objects.update(beat_at=asked.requested_at.replace(year=2020))
    asked.refresh_from_db()
    assert asked.stopped
    assert differing(run("rebuild", "probe.tally")) == 1
    assert Tally.objects.get().count == 50
    assert not Lane.objects.filter(processor="probe.tally", claims__gt=3).exists()


def test_a_run_can_be_cancelled() -> None:
    publish(Probed(n=1), stream="probe-1")
    settle()
    Tally.objects.update(count=7)
    waiting = runs.request("rebuild", ["probe.tally"], by="tester")
    assert runs.cancel(waiting.pk, by="boss")
    assert runs.execute(waiting.pk) is None
    running = runs.request("rebuild", ["probe.tally"], by="tester")
    done = runs.execute(running.pk, lambda run: runs.cancel(run.pk, by="boss"))
    assert done is not None
    assert (done.state, done.cancelled_by) == ("cancelled", "boss")
    assert Tally.objects.get().count == 7
