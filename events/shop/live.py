"""The shop's live views: my orders, and the stock of the products."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from events.shop.outbox import newest_messages
from events.shop.products import cards
from events.shop.rows import Orders, Row, orders_of
from events.shop.story import story_of, through
from events.shop.summaries import concerns, last_positions, newest_orders
from flowdeck.extend import Changes, Fragment, LiveView, Refusal, render_to_string


class OrdersView(LiveView):
    """``orders``: the rows of one person. A new row brings the list, a changed one only itself."""

    per_user = True

    def __init__(self, user: Any, argument: str) -> None:
        super().__init__(user, argument)
        self._shown: Orders | None = None
        self._told: UUID | None = None

    @classmethod
    def allowed(cls, user: Any, argument: str) -> Refusal | None:
        """Everybody who is signed in may see their own."""
        return None if user.is_authenticated else Refusal("Sign in first.")

    def regions(self) -> Sequence[Fragment]:
        """The list, the counts and the story of the newest order that is through."""
        orders = orders_of(self.user)
        self._shown, self._told = orders, _told(orders)
        return [_list(orders), _counts(orders), _story(orders)]

    def patch(self, changes: Changes) -> Sequence[Fragment]:
        """The rows that look different now, or the whole list if a row came or lost its track."""
        if not concerns(changes, self.user):
            return []
        before, told, orders = self._shown, self._told, orders_of(self.user)
        self._shown, self._told = orders, _told(orders)
        if before is None or _shape(orders) != _shape(before):
            changed = [_list(orders)]
        else:
            pairs = zip(orders.rows, before.rows, strict=True)
            changed = [_row(row) for row, old in pairs if row != old]
        story_is_old = told != self._told or changes.unknown or self._told in changes.correlations
        return [*changed, _counts(orders), *([_story(orders)] if story_is_old else [])]

    @classmethod
    def stale(cls, views: Sequence[LiveView]) -> Iterable[LiveView]:
        """Those with an order under way, a new one or one with new events; two queries for all."""
        watched = [view for view in views if isinstance(view, OrdersView)]
        shown = {view: view._shown for view in watched if view._shown is not None}
        newest = newest_orders(view.user.pk for view in watched)
        last = last_positions(
            row.correlation_id for orders in shown.values() for row in orders.rows
        )
        return [
            view
            for view in watched
            if view not in shown
            or shown[view].under_way
            or newest.get(view.user.pk, 0) != max((r.order_id for r in shown[view].rows), default=0)
            or any(last.get(row.correlation_id) != row.last for row in shown[view].rows)
        ]


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


def _told(orders: Orders) -> UUID | None:
    row = through(orders)
    return row.correlation_id if row else None


def _row(row: Row) -> Fragment:
    return Fragment(row.dom_id, render_to_string("shop/order/row.html", {"row": row, "oob": True}))


def _shape(orders: Orders) -> list[tuple[str, bool]]:
    return [(row.dom_id, row.brief) for row in orders.rows]


def _list(orders: Orders) -> Fragment:
    html = render_to_string("shop/order_list.html", {"orders": orders, "oob": True})
    return Fragment("orders", html)


def _counts(orders: Orders) -> Fragment:
    html = render_to_string("shop/order_counts.html", {"orders": orders, "oob": True})
    return Fragment("order-counts", html)


def _story(orders: Orders) -> Fragment:
    html = render_to_string("shop/story.html", {"story": story_of(orders), "oob": True})
    return Fragment("story", html)
