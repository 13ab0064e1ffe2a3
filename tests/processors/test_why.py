"""Why has it not happened: the planted cause comes first, in few queries, and nothing else does."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_django
from django.core.management import call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from events.domain_events import InventoryReplenished
from flowdeck import clock, publish
from flowdeck.engine import pause
from flowdeck.history import fold
from flowdeck.models import Event
from flowdeck.testing import settle
from flowdeck.why.ask import WELL, why
from tests.processors import planted
from tests.processors.planted import MORE, PLANTS, Plant

pytestmark = pytest.mark.django_db
CAUSES = {**PLANTS, **MORE}
QUERIES = 40  # whatever the log holds
_LEARNED_FROM = 8


@pytest.fixture(scope="module")
def _past(
    django_db_setup: None, django_db_blocker: pytest_django.DjangoDbBlocker
) -> Iterator[None]:
    """A shop in which some orders of each topology went well; gone at the end."""
    with django_db_blocker.unblock(), transaction.atomic():
        planted.worker()
        publish(InventoryReplenished(sku="mug", quantity=1000), stream="product-mug")
        for number in range(1, _LEARNED_FROM + 1):
            planted.order(number)
            planted.mediated(100 + number)
        settle()
        fold.fold_all()
        yield
        transaction.set_rollback(True)


@pytest.fixture
def shop(
    _past: None, django_db_blocker: pytest_django.DjangoDbBlocker, settings: Any
) -> Iterator[None]:
    """What a test does to it is undone, declarations too."""
    settings.DEMO = True
    with django_db_blocker.unblock(), transaction.atomic(), planted.planted_in_a_shop():
        yield
        transaction.set_rollback(True)


@pytest.mark.parametrize("plant", CAUSES.values(), ids=lambda plant: plant.do.__name__)
def test_the_planted_cause_comes_first(shop: None, plant: Plant) -> None:
    of = plant.do(500)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        found = why(of)
    assert found is not None
    assert (found.facts[0].kind, found.facts[0].said) == (plant.kind, found.facts[0].said)
    assert plant.word in found.facts[0].said
    assert all(fact.link.kind for fact in found.facts)
    assert len(found.facts) <= 7
    assert len(asked) <= QUERIES


def test_what_is_done_is_well(shop: None) -> None:
    found = why("order-3")
    assert found is not None
    assert (found.well, found.conclusion, found.facts) == (True, WELL, ())
    mediated = why("mediated-103")
    assert mediated is not None
    assert mediated.well


def test_the_chain_goes_from_the_cause_to_what_does_not_come(shop: None) -> None:
    """Payment is dead, so confirmation waits, so nothing is confirmed; and that is usual."""
    found = why(PLANTS["dead"].do(500))
    assert found is not None
    assert [fact.kind for fact in found.facts] == ["dead", "waits for", "missing"]
    assert "confirmation waits for PaymentProcessed" in found.facts[1].said
    assert "PaymentProcessed, OrderConfirmed" in found.facts[2].said
    learned = f"usually follow (in {_LEARNED_FROM} of {_LEARNED_FROM} traces that began alike)"
    assert found.facts[2].more == learned
    assert found.ways[0].do.startswith("Retry dead letter")


def test_a_refusal_is_not_expected_to_be_confirmed(shop: None) -> None:
    """What followed orders that went well is not missing of one that was declined."""
    planted.order(500, "card_declined")
    settle()
    found = why("order-500")
    assert found is not None
    assert found.well, found.conclusion


def test_what_needs_a_person_comes_before_what_ends_by_itself(shop: None) -> None:
    """Inventory sleeps, payment is dead: of both, which hold the order up, one has no end."""
    stream = planted.order(500)
    planted.without("inventory", "payment")
    due = clock.now() + timedelta(hours=2)
    planted.held(stream, "inventory", state="sleeping", due_at=due)
    planted.buried(stream, "payment")
    found = why(stream)
    assert found is not None
    assert found.facts[0].kind == "dead"
    assert [one.kind for one in found.others] == ["sleeping"]
    assert found.needs_a_person


def test_what_holds_up_what_follows_comes_before_what_does_not(shop: None) -> None:
    """A paused read model is worse than a payment that is tried again, but confirms nothing."""
    pause.pause("orders", by="lena", reason="a test")
    of = planted.order(500)
    planted.without("payment", "orders")
    due = clock.now() + timedelta(seconds=40)
    planted.held(of, "payment", state="retrying", due_at=due, attempts=2)
    found = why(of)
    assert found is not None
    assert found.facts[0].kind == "retrying"
    assert [one.kind for one in found.others] == ["paused"]


def test_what_is_stuck_everywhere_is_missed_all_the_same(shop: None) -> None:
    """As many orders as are looked at have no payment yet: that makes it no less usual."""
    pause.pause("payment", by="lena", reason="a test")
    for number in range(500, 500 + 3 * _LEARNED_FROM):
        planted.order(number)
    planted.without("payment")
    fold.fold_all()
    found = why("order-510")
    assert found is not None
    assert [fact.kind for fact in found.facts] == ["paused", "parked", "waits for", "missing"]


def test_the_command_says_it_with_its_exit_code(shop: None) -> None:
    said = io.StringIO()
    call_command("flowdeck", "why", "order-3", stdout=said)
    assert WELL in said.getvalue()
    of, said = PLANTS["paused"].do(500), io.StringIO()
    with pytest.raises(SystemExit) as exited:
        call_command("flowdeck", "why", of, "--json", stdout=said)
    told = json.loads(said.getvalue())
    assert exited.value.code == 1
    assert told["facts"][0]["kind"] == "paused"
    assert told["facts"][0]["more"] == planted.WHY
    said = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("flowdeck", "why", of, stdout=said)
    assert "payment is paused by lena" in said.getvalue()


@pytest.mark.parametrize(
    "of", ["", "nothing-7", "\x00", "trace 7", "x" * 1000, "event 99999999999"]
)
def test_what_names_nothing_has_no_answer(shop: None, of: str) -> None:
    assert why(of) is None


def test_each_kind_can_be_named(shop: None) -> None:
    planted.dead(500)
    row = Event.objects.filter(stream="order-500").earliest("sequence")
    names = {
        "order-500": "stream",
        "order 500": "stream",
        f"stream:{row.stream}": "stream",
        str(row.correlation_id): "trace",
        str(row.correlation_id)[-7:]: "trace",
        str(row.id): "event",
        f"#{row.position}": "event",
        "payment": "processor",
        "processor payment": "processor",
        "lake": "connector",
        "mediator:mediated-103": "process",
    }
    for text, kind in names.items():
        found = why(text)
        assert found is not None, text
        assert found.subject.kind == kind, text
