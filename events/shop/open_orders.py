"""The live count of a customer's open orders, in the shop's entry of the navigation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from events.shop.summaries import concerns, count_open, newest_orders
from flowdeck.extend import Changes, Count, Fragment, LiveView, Refusal, count_fragment


def open_orders(user: Any) -> Count | None:
    """``4 open``; nothing to say without any."""
    count = count_open(user)
    return Count(f"{count:,} open") if count else None


class OpenOrdersView(LiveView):
    """``open-orders``: the count of one person, on every page."""

    per_user = True
    interval = 1.0

    def __init__(self, user: Any, argument: str) -> None:
        super().__init__(user, argument)
        self._shown: Count | None = None
        self._newest = -1  # order that the count knows of

    @classmethod
    def allowed(cls, user: Any, argument: str) -> Refusal | None:
        """Everybody who is signed in may know of their own."""
        return None if user.is_authenticated else Refusal("Sign in first.")

    def regions(self) -> Sequence[Fragment]:
        """The count."""
        self._newest = newest_orders([self.user.pk]).get(self.user.pk, 0)
        self._shown = open_orders(self.user)
        return [count_fragment("shop:shop", self._shown)]

    def patch(self, changes: Changes) -> Sequence[Fragment]:
        """The count, if an order of the person was touched."""
        return self.regions() if concerns(changes, self.user) else []

    @classmethod
    def stale(cls, views: Sequence[LiveView]) -> Iterable[LiveView]:
        """Those with an open order, or one that the count does not know yet; one query for all."""
        watched = [view for view in views if isinstance(view, OpenOrdersView)]
        newest = newest_orders(view.user.pk for view in watched)
        return [v for v in watched if v._shown or newest.get(v.user.pk, 0) != v._newest]
