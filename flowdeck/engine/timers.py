"""Moving what is due into the log: any sweeper may, and one does at a time.

No process is needed for it. The rows are the truth; whoever looks first moves what is due, and one
that dies meanwhile leaves nothing behind but locks that are gone with it.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from flowdeck import clock
from flowdeck.conf import conf
from flowdeck.declare.registry import registry
from flowdeck.log.publishing import after_commit
from flowdeck.models import Timer
from flowdeck.sql.timing import Fired, timers

logger = logging.getLogger("flowdeck")
_AT_ONCE = 500
_SHORTEST = 0.02  # seconds between two looks


def fire() -> Fired:
    """Move some of what is due, and tell whoever listens.

    Needs autocommit. Raises what the database does when it, or the way to it, is at fault.
    """
    known = sorted(registry.event_types)
    fired = timers().fire(_AT_ONCE, known, registry.fan_out(known))
    after_commit(fired.events)
    if fired.refused:
        logger.error("%s timers could not be appended; the page of timers says why.", fired.refused)
    return fired


def fire_all() -> int:
    """Move all that is due by now, unless somebody else does; how many events that made."""
    count = 0
    while True:
        fired = fire()
        count += len(fired.events)
        if not fired.more:
            return count


def pause_until_next(fired: Fired, longest: float) -> float:
    """Seconds to wait before the next look: no timer is due sooner, and ``longest`` at most."""
    if fired.more:
        return 0.0
    until = longest if fired.next_in is None else fired.next_in
    return min(longest, max(_SHORTEST, until))


def forget_ended() -> None:
    """Remove timers that ended without an event, once they were kept for long enough."""
    before = clock.now() - timedelta(days=conf().TIMERS_KEPT_DAYS)
    Timer.objects.filter(ended_at__lt=before).delete()
