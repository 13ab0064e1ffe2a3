"""The time-travel page: one stream as of each of its events."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from events import orders
from events.domain_events import InventoryReplenished
from events.models import OrderSummary, Product
from flowdeck import publish
from flowdeck.models import ReplayRun
from flowdeck.replay import runs
from flowdeck.testing import settle
from flowdeck.transfer.archiving import archive
from tests.accounts import person
from tests.flowdeck.dashboard.test_hostile_text import SCRIPT, assert_harmless
from tests.probe.events import Echoed, Probed

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def order() -> str:
    Product.objects.create(sku="mug", name="Mug", price="14.00")
    publish(InventoryReplenished(sku="mug", quantity=10), stream="product-mug")
    items = [{"sku": "mug", "quantity": 2}]
    placed = orders.place_order(person("customer", "ada"), items, "key-1")
    settle()
    return f"order-{placed.order_id}"


def text(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_it_shows_the_state_as_of_an_event(viewer: Client, order: str) -> None:
    page = text(viewer, f"/streams/{order}/?at=1")
    assert "As of event <span data-at>1</span> of 5" in page
    assert page.count("data-snap=") == 5
    assert page.count("hidden>") >= 4
    assert "<ins>&quot;open&quot;</ins>" in page
    assert "<del>&quot;open&quot;</del><ins>&quot;confirmed&quot;</ins>" in page


def test_two_moments_are_compared(viewer: Client, order: str) -> None:
    whole = text(viewer, f"/streams/{order}/?at=5&with=1")
    part = viewer.get(f"/streams/{order}/?at=5&with=1", headers={"HX-Request": "true"})
    for page in (whole, part.content.decode()):
        assert '<td class="mono">status</td>' in page
        assert "At event 1" in page
        assert '<td class="mono">items</td>' not in page
    assert "<html" not in part.content.decode()


def test_the_rows_it_belongs_to_say_whether_they_agreed(viewer: Client, order: str) -> None:
    assert text(viewer, f"/streams/{order}/").count("not checked yet") == 3
    OrderSummary.objects.update(total=1)
    runs.execute(runs.request("verify", ["orders", "stock"], by="tester").pk)
    page = text(viewer, f"/streams/{order}/")
    assert f"?run={ReplayRun.objects.get().pk}" in page
    assert "differs, see the run" in page
    assert page.count("not checked yet") == 1
    assert page.count("agreed") == 1


def test_any_stream_can_be_looked_at_and_its_text_is_harmless(viewer: Client) -> None:
    name = f"probe/{SCRIPT}?#"
    publish(Echoed(n=1, by=SCRIPT), Probed(n=2), stream=name)
    answer = viewer.get("/streams/", {"stream": name}, follow=True)
    assert answer.status_code == 200
    assert "No app says how" in answer.content.decode()
    assert_harmless(answer.content.decode())


def test_an_unknown_stream_is_said_to_be_so(viewer: Client) -> None:
    answer = viewer.get("/streams/", {"stream": "order-77"})
    assert answer.status_code == 404
    assert "The log has no stream order-77" in answer.content.decode()
    assert viewer.get("/streams/order-77/").status_code == 404
    assert "The log is empty" in text(viewer, "/streams/")


def test_a_long_stream_takes_no_more_queries(
    viewer: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    publish(Probed(n=1), stream="probe-1")
    publish(*[Probed(n=n) for n in range(300)], stream="probe-2")
    text(viewer, "/streams/probe-1/")
    for name in ("probe-1", "probe-2"):
        with django_assert_num_queries(9):  # shell 7, head, events
            text(viewer, f"/streams/{name}/")
    page = text(viewer, "/streams/probe-2/?at=150")
    assert "Earlier events" in page
    assert "Later events" in page


def test_what_is_archived_is_said_to_be_so(viewer: Client, tmp_path: Path) -> None:
    publish(Probed(n=1), Probed(n=2), stream="probe-1")
    settle()
    archive(["probe-1"], tmp_path / "old.jsonl", by="ada")
    for address in ("/streams/probe-1/", "/streams/probe-1/?at=1&with=2", "/search/?q=probe-1"):
        answer = viewer.get(address, follow=True)
        assert answer.status_code == 200
        assert "Archived: events up to 2, in file" in answer.text
        assert str(tmp_path / "old.jsonl") in answer.text
        assert "What came after" not in answer.text
    publish(Echoed(n=7, by="me"), stream="probe-1")
    page = text(viewer, "/streams/probe-1/")
    assert "The state begins with what came after" in page
    assert "As of event <span data-at>3</span> of 3" in page
    assert "old.jsonl" in text(viewer, "/replay/")
    assert "Projections of Probed can't be replayed here" in text(viewer, "/replay/")
