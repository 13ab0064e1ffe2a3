"""How large an answer gets: by bytes, for one event may be as large as a thousand others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import TypeVar

from django.db.models import F, IntegerField, QuerySet, TextField
from django.db.models.functions import Cast, Length

from flowdeck.models import Event

BUDGET = 4 * 1024 * 1024
"""Characters of payloads in one answer; a single larger one is given all the same."""

T = TypeVar("T")


def within_budget(rows: QuerySet[Event], most: int, *, forward: bool) -> tuple[list[Event], bool]:
    """The first rows by position, ``most`` of them or as many as the budget allows; and whether
    there are more. Payloads beyond the budget are not read.
    """
    order = "position" if forward else "-position"
    size = Length(Cast(F("data"), TextField()), output_field=IntegerField())
    sizes = list(rows.order_by(order).values_list("position", size)[: most + 1])
    chosen = affordable(sizes[:most], lambda row: row[1])
    page = Event.objects.filter(position__in=[position for position, _ in chosen])
    return list(page.order_by(order)), len(chosen) < len(sizes)


def affordable(rows: Sequence[T], size: Callable[[T], int]) -> Sequence[T]:
    """The first of the rows that together are within the budget, one at least."""
    sums = accumulate(size(row) for row in rows)
    return rows[: max(1, sum(1 for so_far in sums if so_far <= BUDGET))]
