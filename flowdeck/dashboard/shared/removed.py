"""What a page says where finished deliveries are removed: not that there never were any."""

from __future__ import annotations

from flowdeck.history import kept
from flowdeck.words import thousands


def removed(position: int = 0) -> str:
    """That deliveries of this event are not kept any more, or of any; empty if they are. One query.

    Those that are not done are always kept.
    """
    upto = kept.removed_upto()
    if upto < max(position, 1):
        return ""
    return f"Finished deliveries of events up to {thousands(upto)} are not kept any more."
