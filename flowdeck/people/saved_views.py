"""Filters of the log under names, private or shared."""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from flowdeck.models import SavedView

MOST = 50
"""Views of one person."""

_SHOWN = 100


def visible_to(user: Any) -> list[SavedView]:
    """The user's own and what others share, by name; one query."""
    wanted = Q(owner=user) | Q(shared=True)
    return list(SavedView.objects.filter(wanted).select_related("owner")[:_SHOWN])


def save(user: Any, name: str, query: str, *, shared: bool) -> bool:
    """Keep ``query`` as the user's view ``name``, replacing one of that name.

    Returns False if the user has ``MOST`` others already.
    """
    others = SavedView.objects.filter(owner=user).exclude(name=name)
    if others.count() >= MOST:
        return False
    SavedView.objects.update_or_create(
        owner=user, name=name, defaults={"query": query, "shared": shared}
    )
    return True


def delete(user: Any, number: int) -> bool:
    """Forget one of the user's own views. Returns False if it is not theirs."""
    deleted, _ = SavedView.objects.filter(owner=user, pk=number).delete()
    return bool(deleted)
