"""The shop's live views: my orders, and the stock of the products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.template.loader import render_to_string

from events.live import Changes, Fragment, LiveView, Refusal
from processors.shop.outbox import newest_messages
from processors.shop.products import cards
from processors.shop.rows import Orders, orders_of
from processors.shop.story import story_of
from processors.shop.summaries import customers_of


class OrdersView(LiveView):
    """``orders``: the rows of one person. A new row brings the list, a changed one only itself."""

    per_user = True

    def __init__(self, user: Any, argument: str) -> None:
        super().__init__(user, argument)
        self._shown: list[tuple[str, bool]] = []

    @classmethod
    def allowed(cls, user: Any, argument: str) -> Refusal | None:
        """Everybody who is signed in may see their own."""
        return None if user.is_authenticated else Refusal("Sign in first.")

    def regions(self) -> Sequence[Fragment]:
        """The list, the counts and the story of the newest decided order."""
        orders = orders_of(self.user)
        self._shown = _shape(orders)
        return [_list(orders), _counts(orders), _story(orders)]

    def patch(self, changes: Changes) -> Sequence[Fragment]:
        """The rows that look different now, or the whole list if a row came or folded."""
        if not _concerns(changes, self.user):
            return []
        orders = orders_of(self.user)
        if _shape(orders) != self._shown:
            self._shown = _shape(orders)
            return [_list(orders), _counts(orders), _story(orders)]
        rows = [
            Fragment(row.dom_id, render_to_string(row.partial, {"row": row, "oob": True}))
            for row in orders.rows
        ]
        return [*rows, _counts(orders), _story(orders)]


class StockView(LiveView):
    """``stock``: how many are left of each product, the same for everybody."""

    interval = 0.5

    @classmethod
    def allowed(cls, user: Any, argument: str) -> Refusal | None:
        """Everybody who is signed in."""
        return None if user.is_authenticated else Refusal("Sign in first.")

    def regions(self) -> Sequence[Fragment]:
        """One line for each product."""
        return [
            Fragment(
                f"stock-{card.sku}",
                render_to_string("shop/stock.html", {"product": card, "oob": True}),
            )
            for card in cards()
        ]


class OutboxView(LiveView):
    """``outbox``: the newest messages, one's own or, for those who see the log, all."""

    per_user = True
    interval = 0.5

    @classmethod
    def allowed(cls, user: Any, argument: str) -> Refusal | None:
        """Everybody who is signed in."""
        return None if user.is_authenticated else Refusal("Sign in first.")

    def regions(self) -> Sequence[Fragment]:
        """The table's rows."""
        context = {"messages_sent": newest_messages(self.user), "oob": True}
        return [Fragment("outbox-rows", render_to_string("shop/outbox_live.html", context))]

    def patch(self, changes: Changes) -> Sequence[Fragment]:
        """Only when the notification processor did something."""
        concerned = changes.unknown or "notification" in changes.processors
        return self.regions() if concerned else []


def _concerns(changes: Changes, user: Any) -> bool:
    """Whether an order of this person was touched; read once for all who watch."""
    if changes.unknown or changes.correlations.many:
        return True
    touched = changes.correlations.known
    return user.pk in changes.once("shop.customers", lambda: customers_of(touched))


def _shape(orders: Orders) -> list[tuple[str, bool]]:
    return [(row.dom_id, row.folded) for row in orders.rows]


def _list(orders: Orders) -> Fragment:
    html = render_to_string("shop/order_list.html", {"orders": orders, "oob": True})
    return Fragment("orders", html)


def _counts(orders: Orders) -> Fragment:
    html = render_to_string("shop/order_counts.html", {"orders": orders, "oob": True})
    return Fragment("order-counts", html)


def _story(orders: Orders) -> Fragment:
    html = render_to_string("shop/story.html", {"story": story_of(orders), "oob": True})
    return Fragment("story", html)
