"""Seeing what masks hide: with a permission and a reason, and never unnoticed."""

from __future__ import annotations

from typing import Any

from flowdeck.database import transaction
from flowdeck.models import Event
from flowdeck.people import audit
from flowdeck.privacy.masking import ERASED
from flowdeck.privacy.sealing import readable

ACTION = "reveal_personal"
"""The permission (:mod:`flowdeck.people.access`), and the action in the audit."""


def reveal(event: Event, *, by: str, reason: str) -> Any:
    """The whole payload of ``event``; the audit keeps who saw it, and why.

    The caller has asked :func:`flowdeck.people.access.can`. Raises ValueError without a reason.
    """
    if not reason.strip():
        raise ValueError("Say why: whoever reads the audit will ask.")
    with transaction.atomic():
        audit.record(
            ACTION, by=by, target=f"event {event.position}", count=1, reason=reason.strip()
        )
        return readable(event.type, event.data, ERASED)
