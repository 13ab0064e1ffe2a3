"""Which parts of the first page somebody may see."""

from __future__ import annotations

from typing import Any

from flowdeck.live import Refusal
from flowdeck.people.access import Decision, can

NEEDED = "view_processors"
"""Without it there is no first page."""

PARTS = {
    "alerts": "view_alerts",
    "audit": "view_audit",
    "connectors": "view_connectors",
    "letters": "view_dead_letters",
    "timers": "view_log",
}
"""What each further part needs."""

Parts = frozenset[str]


def may_open(user: Any) -> Decision:
    """Whether the page is open to this person."""
    return can(user, NEEDED)


def parts_of(user: Any) -> Parts:
    """What of it this person may see."""
    return frozenset(part for part, action in PARTS.items() if can(user, action))


def named(parts: Parts) -> str:
    """Parts as the name of a live view has them."""
    return ",".join(sorted(parts))


def parse(text: str) -> Parts | None:
    """Of such a name; None if there is no such part."""
    parts = frozenset(text.split(",")) if text else frozenset[str]()
    return parts if parts <= PARTS.keys() else None


def refusal(user: Any, parts: Parts) -> Refusal | None:
    """Why somebody may not watch these parts, if so."""
    for action in (NEEDED, *(PARTS[part] for part in sorted(parts))):
        if not (decision := can(user, action)):
            return Refusal(decision.reason)
    return None
