"""The orders page, live: whose rows are rendered again, and which of them."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from events.orders import place_order
from events.shop.live import OrdersView
from events.shop.open_orders import OpenOrdersView
from flowdeck.engine import pause
from flowdeck.live import Changes
from flowdeck.testing import settle
from tests.accounts import person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("shelf", "demo")]
MUG = [{"sku": "mug", "quantity": 1}]


def shown(user: User) -> OrdersView:
    view = OrdersView(user, "")
    view.regions()
    return view


def test_those_whose_orders_changed_unannounced_are_found(buyer: User) -> None:
    other, third = person("operator"), person("teacher")
    for user in (buyer, other):
        place_order(user, MUG, f"first-{user.pk}")
    settle()
    views = [shown(user) for user in (buyer, other, third)]
    assert list(OrdersView.stale(views)) == []
    place_order(other, MUG, "second")
    assert list(OrdersView.stale(views)) == [views[1]]
    views[1].regions()
    assert list(OrdersView.stale(views)) == [views[1]], "it is still under way"
    settle()
    views[1].regions()
    assert list(OrdersView.stale(views)) == []


def test_however_many_watch_it_takes_two_queries(buyer: User) -> None:
    place_order(buyer, MUG, "one")
    settle()
    views = [shown(buyer), shown(person("operator"))]
    with CaptureQueriesContext(connection) as taken:
        list(OrdersView.stale(views))
    assert len(taken) == 2


def test_only_rows_that_look_different_are_sent(buyer: User) -> None:
    place_order(buyer, MUG, "first")
    settle()
    second = place_order(buyer, MUG, "second")
    view = shown(buyer)
    settle()
    changes = Changes()
    changes.correlations.add(second.correlation_id)
    sent = {fragment.id for fragment in view.patch(changes)}
    assert sent == {f"order-no-{second.order_id}", "order-counts", "story"}
    assert {fragment.id for fragment in view.patch(changes)} == {"order-counts", "story"}


def test_the_count_of_open_orders_is_ones_own_and_leaves_with_them(buyer: User) -> None:
    other = person("operator")
    views = [OpenOrdersView(user, "") for user in (buyer, other)]
    assert all("open" not in view.regions()[0].html.split(">")[1] for view in views)
    pause.pause("payment", by="mara", reason="so that it stays open")
    placed = place_order(buyer, MUG, "first")
    assert list(OpenOrdersView.stale(views)) == [views[0]], "nobody announced it"
    views[0].regions()
    assert list(OpenOrdersView.stale(views)) == [views[0]], "the read model is still behind"
    settle()
    changes = Changes()
    changes.touch(1, placed.correlation_id)
    (count,) = views[0].patch(changes)
    assert ">1 open</span>" in count.html
    assert 'id="count-shop-shop"' in count.html
    assert 'data-live-view="open-orders"' in count.html, "it goes on being watched"
    assert views[1].patch(changes) == []
    pause.resume("payment", by="mara")
    settle()
    assert "open</span>" not in views[0].patch(changes)[0].html
    assert list(OpenOrdersView.stale(views)) == []
