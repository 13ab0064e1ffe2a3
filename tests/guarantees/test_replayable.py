"""Invariant 8: replaying the log gives exactly the live read models, and never reaches outside."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db.models import F, Model

from events import publish
from events.models import Delivery, ReplayRun
from events.registry import registry
from events.replay import runs
from events.testing import settle
from processors import orders
from processors.domain_events import InventoryReplenished
from processors.models import OrderSummary, Product, Sales, StockLevel
from tests.probe.events import Probed
from tests.probe.models import Effect, Tally

pytestmark = pytest.mark.django_db(transaction=True)
SHOP = ["orders", "stock", "sales"]
SCENARIOS = ["", "", "card_declined", "out_of_stock", "provider_down", "poison"]


@pytest.fixture
def history(settings: Any) -> None:
    """Orders with every kind of fault, some of them unresolved."""
    settings.DEMO = True
    for sku, price in [("mug", "14.00"), ("lamp", "59.00")]:
        Product.objects.create(sku=sku, name=sku, price=Decimal(price))
        publish(InventoryReplenished(sku=sku, quantity=12), stream=f"product-{sku}")
    customer = User.objects.create_user("customer")
    wanted = [([{"sku": ["mug", "lamp"][n % 2], "quantity": 1 + n % 3}], SCENARIOS[n % 6])
              for n in range(30)]  # fmt: skip
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
    assert [model["rows"] for model in done.result["models"]] == [30, 2, Sales.objects.count()]
    assert done.done == done.total > 100


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
    assert f"processors.StockLevel mug: available is {true + 1}, not {true}" in text
    assert f"processors.OrderSummary {order.pk}: missing in the live table" in text
    assert "processors.Sales 2001-01-01 / ghost: in the live table, but not in the log" in text


@pytest.mark.usefixtures("history")
def test_a_rebuild_mends_only_what_differs() -> None:
    true = {model: rows(model) for model in (OrderSummary, StockLevel, Sales)}
    ids = set(Sales.objects.values_list("pk", "day", "sku"))
    StockLevel.objects.filter(sku="mug").update(available=-5)
    OrderSummary.objects.all().delete()
    Sales.objects.create(day="2001-01-01", sku="ghost", quantity=1, revenue=1)
    assert differing(run("rebuild", *SHOP)) == 32
    assert {model: rows(model) for model in true} == true
    assert set(Sales.objects.values_list("pk", "day", "sku")) == ids
    assert differing(run("verify", *SHOP)) == 0


def test_the_past_can_be_looked_at() -> None:
    positions = [publish(Probed(n=n), stream="probe-1").positions[0] for n in range(5)]
    settle()
    (model,) = run("preview", "probe.tally", to_position=positions[2]).result["models"]
    assert model["first"] == [{"stream": "probe-1", "count": "3"}]
    assert Tally.objects.get().count == 5


def test_what_is_unfinished_or_discarded_is_not_replayed() -> None:
    for n in range(4):
        publish(Probed(n=n), stream=f"probe-{n}")
    settle()
    publish(Probed(n=9), stream="probe-0")
    Delivery.objects.filter(processor="probe.tally", event__stream="probe-1").update(
        state="discarded"
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
