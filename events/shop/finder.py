"""Finds orders by their number, for the dashboard's search."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.urls import reverse

from events.models import Checkout
from flowdeck.extend import Hit, can

_NUMBER = re.compile(r"(?P<word>order[ -]?)?#?(?P<number>[0-9]{1,18})", re.IGNORECASE)


def find_orders(user: Any, query: str) -> Iterator[Hit]:
    """The order of this number: ``42``, ``#42``, ``order 42`` or ``order-42``.

    With the word before it the query can mean nothing else. Others' orders are for those who may
    see the log.
    """
    match = _NUMBER.fullmatch(query)
    if match is None:
        return
    found = Checkout.objects.filter(pk=int(match["number"])).select_related("user")
    if not can(user, "view_log"):
        found = found.filter(user=user)
    for checkout in found:
        url = reverse("flowdeck:trace", args=[checkout.correlation_id])
        note = f"placed by {checkout.user.get_username()}"
        yield Hit(f"Order {checkout.pk}", url, note, "bag", bool(match["word"]))
