"""The newest failure of each kind of a processor, with how many there were lately."""

from __future__ import annotations

from collections import Counter

from flowdeck.models import Attempt

LOOKED_AT = 500
"""Newest failed attempts, of all processors, that are looked at."""


def newest_of_each(processor: str, most: int) -> list[tuple[Attempt, int]]:
    """The newest failure of each kind, and how many of it there were among the newest; two
    queries."""
    newest = Attempt.objects.order_by("-id").values("id")[:LOOKED_AT]
    kinds = (
        Attempt.objects.filter(id__in=newest, processor=processor)
        .order_by("-id")
        .values_list("fingerprint", "id")
    )
    counts: Counter[str] = Counter()
    latest: dict[str, int] = {}
    for kind, number in kinds:
        latest.setdefault(kind, number)
        counts[kind] += 1
    shown = Attempt.objects.filter(id__in=list(latest.values())[:most]).defer("traceback")
    rows = shown.select_related("event").order_by("-id")
    return [(one, counts[one.fingerprint]) for one in rows]
