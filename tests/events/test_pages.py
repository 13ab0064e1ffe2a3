"""Ordering over HTTP, with htmx and without."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.test.utils import CaptureQueriesContext

from events.models import Product, StockLevel
from events.orders import MEDIATOR, place_order
from flowdeck.models import Event
from flowdeck.testing import settle
from tests.accounts import person, signed_in

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("shelf", "demo")]
HTMX = {"HX-Request": "true"}
MUG = [{"sku": "mug", "quantity": 1}]


def order(client: Client, htmx: bool = True, **data: object):  # type: ignore[no-untyped-def]
    sent = {"key": str(uuid4()), "sku": "mug", "quantity": "1", **data}
    return client.post("/shop/orders/", sent, headers=HTMX if htmx else {})


def placed() -> int:
    return Event.objects.filter(type="OrderCreated").count()


def test_the_answer_takes_the_place_of_the_claim(browser_of_buyer: Client) -> None:
    key = str(uuid4())
    answer = order(browser_of_buyer, key=key, quantity="2")
    assert answer.status_code == 201
    assert f'hx-target="#order-{key}"' in answer.text
    assert "2 × Mug" in answer.text
    assert "€28.00" in answer.text


def test_a_key_sent_twice_is_one_order(browser_of_buyer: Client) -> None:
    key = str(uuid4())
    assert [order(browser_of_buyer, key=key).status_code for _ in range(2)] == [201, 200]
    assert placed() == 1


def test_a_key_sent_with_another_order_is_refused(browser_of_buyer: Client) -> None:
    key = str(uuid4())
    order(browser_of_buyer, key=key)
    assert order(browser_of_buyer, key=key, quantity="2").status_code == 422
    assert placed() == 1


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"quantity": "0"}, "cart is empty"),
        ({"sku": ["mug", "lamp"], "quantity": ["1", "100"]}, "quantity of lamp must be 1 to 99"),
        ({"sku": ["mug", "lamp"]}, "Each sku needs its quantity"),
        ({"sku": ["mug"] * 401, "quantity": ["0"] * 401}, "at most 400"),
        ({"quantity": "-1"}, "1 to 99"),
        ({"quantity": "1000000000"}, "1 to 99"),
        ({"quantity": "two"}, "whole number"),
        ({"quantity": ""}, "how many"),
        ({"sku": "moon"}, "no product"),
        ({"scenario": "flood"}, "no scenario"),
    ],
)
def test_a_refusal_says_why(browser_of_buyer: Client, data: dict[str, object], reason: str) -> None:
    key = str(uuid4())
    answer = order(browser_of_buyer, key=key, **data)
    assert answer.status_code == 422
    assert reason in answer.text
    assert f'hx-target="#order-{key} [data-reason]"' in answer.text
    assert placed() == 0


def test_several_products_are_one_order(browser_of_buyer: Client) -> None:
    cart = {"sku": ["mug", "lamp"], "quantity": ["2", "1"], "key": str(uuid4())}
    assert [order(browser_of_buyer, **cart).status_code for _ in range(2)] == [201, 200]
    settle()
    page = browser_of_buyer.get("/shop/").text
    assert "2 × Mug, 1 × Lamp" in page
    assert placed() == 1


def test_without_javascript_it_goes_back_to_the_page(browser_of_buyer: Client) -> None:
    answer = order(browser_of_buyer, htmx=False)
    assert answer.status_code == 302
    assert answer.url.startswith("/shop/#order-")
    refused = order(browser_of_buyer, htmx=False, quantity="100")
    assert refused.status_code == 422
    assert "1 to 99, not 100" in refused.text
    assert 'value="100"' in refused.text


def test_only_ones_own_orders_are_shown(browser_of_buyer: Client) -> None:
    place_order(person("customer", "other"), [{"sku": "lamp", "quantity": 1}], str(uuid4()))
    mine = order(browser_of_buyer)
    page = browser_of_buyer.get("/shop/").text
    assert mine.status_code == 201
    assert page.count('id="order-') == 2  # the row, and the counts above it
    assert "1 × Lamp<" not in page


def test_who_may_not_order_is_told_why() -> None:
    client = signed_in(person("viewer"))
    assert "place orders you need the permission" in client.get("/shop/").text
    assert order(client).status_code == 403
    assert placed() == 0


def test_visitors_sign_in_first() -> None:
    assert order(Client()).status_code == 401
    assert order(Client(), htmx=False).url == "/accounts/login/?next=/shop/"
    assert Client().get("/shop/").url.startswith("/accounts/login/")


def test_other_methods_and_forged_requests_are_refused(buyer: User) -> None:
    client = signed_in(buyer)
    assert client.get("/shop/orders/").status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(buyer)
    assert order(strict).status_code == 403
    assert placed() == 0


def cancel(client: Client, order_id: int, htmx: bool = True):  # type: ignore[no-untyped-def]
    return client.post(f"/shop/orders/{order_id}/cancel/", headers=HTMX if htmx else {})


def test_an_open_order_is_cancelled_by_whoever_placed_it(
    browser_of_buyer: Client, buyer: User
) -> None:
    number = place_order(buyer, MUG, key := str(uuid4())).order_id
    address = f"/shop/orders/{number}/cancel/"
    assert address in browser_of_buyer.get("/shop/").text
    answer = cancel(browser_of_buyer, number)
    assert answer.status_code == 200
    assert f'hx-target="#order-{key}"' in answer.text
    assert "You cancelled this order." in answer.text
    settle()
    page = browser_of_buyer.get("/shop/").text
    assert "Your money was refunded." in page
    assert address not in page
    assert "Thank you" not in page.partition("<template")[0], "no promise is taken back"


def test_what_is_decided_or_of_somebody_else_is_not_cancelled(
    browser_of_buyer: Client, buyer: User
) -> None:
    theirs = place_order(person("customer", "other"), MUG, str(uuid4())).order_id
    answer = cancel(browser_of_buyer, theirs)
    assert (answer.status_code, "<hx-partial" in answer.text) == (409, False)
    mine = place_order(buyer, MUG, str(uuid4())).order_id
    settle()
    answer = cancel(browser_of_buyer, mine)
    assert answer.status_code == 409
    assert "confirmed already" in answer.headers["HX-Trigger"]
    assert 'data-group="confirmed"' in answer.text
    assert not Event.objects.filter(type="OrderCancelled").exists()


def test_without_javascript_a_cancellation_goes_back_to_the_page(
    browser_of_buyer: Client, buyer: User
) -> None:
    number = place_order(buyer, MUG, str(uuid4())).order_id
    for said in (f"order-{number} is cancelled.", "is cancelled already."):
        answer = cancel(browser_of_buyer, number, htmx=False)
        assert answer.url == "/shop/"
        assert said in browser_of_buyer.get(answer.url).text


def test_an_order_that_a_mediator_decides_has_no_such_button(
    browser_of_buyer: Client, buyer: User
) -> None:
    place_order(buyer, MUG, str(uuid4()), topology=MEDIATOR)
    assert 'form="cancel-order"' not in browser_of_buyer.get("/shop/").text


def test_the_outbox_shows_ones_own_messages(browser_of_buyer: Client) -> None:
    place_order(person("customer", "other"), [{"sku": "mug", "quantity": 1}], str(uuid4()))
    order(browser_of_buyer)
    settle()
    assert browser_of_buyer.get("/shop/outbox/").text.count("is confirmed") == 1
    assert signed_in(person("operator")).get("/shop/outbox/").text.count("is confirmed") == 2


def test_the_page_takes_as_many_queries_however_many_orders(
    browser_of_buyer: Client, buyer: User
) -> None:
    def queries() -> int:
        from django.db import connection

        with CaptureQueriesContext(
            connection,
        ) as seen:
            assert browser_of_buyer.get("/shop/").status_code == 200
        return len(seen)

    place_order(buyer, [{"sku": "mug", "quantity": 1}], str(uuid4()))
    few = queries()
    for _ in range(8):
        place_order(buyer, [{"sku": "mug", "quantity": 1}], str(uuid4()))
    assert queries() == few


def test_stock_that_was_not_counted_yet_is_not_said_to_be_gone(browser_of_buyer: Client) -> None:
    Product.objects.create(sku="fern", name="Fern", price=Decimal("22.00"))
    page = browser_of_buyer.get("/shop/").text
    assert "stock is being counted" in page
    assert "none left" not in page
    listed = {p["sku"]: p["stock"] for p in browser_of_buyer.get("/api/v1/products").json()}
    assert listed == {"mug": 10, "lamp": 3, "fern": None}
    StockLevel.objects.create(sku="fern", available=-2)  # taken, before its arrival was read
    assert "stock is being counted" in browser_of_buyer.get("/shop/").text
