"""Who may watch a live view: each view says so for itself, everything else is refused."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from channels.db import database_sync_to_async

from flowdeck.live.views import find
from flowdeck.people.access import rights_of

logger = logging.getLogger("flowdeck.live")


def refused(user: Any, names: Iterable[str]) -> dict[str, str]:
    """The views of ``names`` that ``user`` may not watch, each with the reason.

    ``user`` remembers the rights that this was decided by, so that the feed sees when they change.
    """
    rights_of(user)
    found = {name: _reason(user, name) for name in names}
    return {name: reason for name, reason in found.items() if reason is not None}


async def refusals(user: Any, names: Iterable[str]) -> dict[str, str]:
    """:func:`refused`, asked in a thread."""
    found: dict[str, str] = await database_sync_to_async(refused, thread_sensitive=False)(
        user, list(names)
    )
    return found


def _reason(user: Any, text: str) -> str | None:
    name = find(text)
    if name is None:
        return "There is no such live view."
    try:
        refusal = name.view.allowed(user, name.argument)
    except Exception:
        # The argument comes from outside: a view that stumbles over it has not allowed anything.
        logger.exception("Live view %r failed to decide who may watch.", text)
        return "This view can't be opened."
    return None if refusal is None else refusal.reason
