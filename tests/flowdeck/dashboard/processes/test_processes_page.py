"""The page of a process: who stands where, one instance, and stopping it."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest
from django.test import Client

from events.domain_events import InventoryReserved, Item, OrderSubmitted
from flowdeck import publish, read_stream
from flowdeck.declare.registry import registry, slot_of
from flowdeck.engine import drain
from flowdeck.models import AuditEntry, Due, ProcessInstance

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "/processes/mediator/"


@pytest.fixture
def stands() -> None:
    """Two orders: one waits for its items, and one for its money, which nobody is asked for yet."""
    items = [Item(sku="mug", quantity=1, price=Decimal(14))]
    for number in (1, 2):
        publish(
            OrderSubmitted(order_id=number, user_id=7, total=Decimal(14), items=items),
            stream=f"mediated-{number}",
        )
    publish(InventoryReserved(order_id=2, items=items), stream="mediated-2")
    drain.drain(registry.processor("mediator"))


def shown(client: Client, query: str = "") -> str:
    return client.get(PAGE + query).content.decode()


@pytest.mark.usefixtures("stands")
def test_the_diagram_tells_who_stands_where(viewer: Client) -> None:
    assert viewer.get("/processes/").url == PAGE  # type: ignore[attr-defined]
    page = shown(viewer)
    assert 'aria-label="paying: 1"' in page
    assert 'aria-label="cancelled: 0 ended there today"' in page
    assert "mediated-1" in page
    assert "mediated-2" in page
    assert "mediated-1" not in shown(viewer, "?step=paying")


@pytest.mark.usefixtures("stands")
def test_one_instance_tells_its_way_and_what_it_waits_for(viewer: Client) -> None:
    one = shown(viewer, "?selected=mediated-2")
    assert "&quot;step&quot;: &quot;paying&quot;" in one
    assert "mediator.patience" in one
    assert one.index("ReleaseRequested") > one.index("What would undo it")
    for said in ("OrderSubmitted", "ReservationRequested", "InventoryReserved", "PaymentRequested"):
        assert said in one[one.index("Its way") :]


@pytest.mark.usefixtures("stands")
def test_what_holds_an_instance_up_is_told(viewer: Client) -> None:
    held = Due.objects.filter(processor="payment", key="mediated-2", slot=slot_of("mediated-2"))
    held.update(state="dead", letter=18_013)
    assert "dead letter 18,013" in shown(viewer, "?step=paying")


@pytest.mark.usefixtures("stands")
def test_an_operator_stops_one_with_a_reason_and_a_viewer_does_not(
    operator: Client, viewer: Client
) -> None:
    assert "What it has done is taken back by ReleaseRequested" in shown(
        operator, "?selected=mediated-2&stop=1"
    )
    form = {"key": "mediated-2", "undo": "1", "once": str(uuid4())}
    assert operator.post(PAGE + "stop/", form | {"reason": " "}).status_code == 422
    assert viewer.post(PAGE + "stop/", form | {"reason": "no"}).status_code == 403
    assert not ProcessInstance.objects.exclude(stopped_by="").exists()
    form |= {"reason": "the customer has called", "once": str(uuid4())}
    operator.post(PAGE + "stop/", form)
    assert ProcessInstance.objects.get(key="mediated-2").stopped_by
    assert [event.type for event in read_stream("mediated-2")][-1] == "ReleaseRequested"
    entry = AuditEntry.objects.get(action="stop process")
    assert (entry.target, entry.reason) == ("mediator mediated-2", "the customer has called")
    assert "stopped" in shown(operator, "?selected=mediated-2&step=paying")
