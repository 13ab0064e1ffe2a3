"""Processes that can ring no bell tell the database, where others can read it.

Workers tell with their signs of life whether they reach Redis; a web process or a command has none.
"""

from __future__ import annotations

import time
from datetime import timedelta

from django.db.models import F, QuerySet

from flowdeck import clock, telemetry
from flowdeck.bells import bell
from flowdeck.database import connection
from flowdeck.models import SilentBell
from flowdeck.processes import worker_name

_LATELY = timedelta(minutes=1)  # who has not tried since has nothing that is late
_RESTART = timedelta(seconds=5)  # Redis may be restarted without a word


def listen() -> None:
    """Note each failure from now on; the breaker lets one through every two seconds."""
    telemetry.subscribe(telemetry.BellFailed, _note)


def silent_lately() -> QuerySet[SilentBell]:
    """Processes that failed to ring for longer than a restart takes, and last within a minute."""
    failing = SilentBell.objects.filter(tried_at__gt=clock.now() - _LATELY)
    return failing.filter(tried_at__gte=F("since") + _RESTART).order_by("name")


def forget(older_than: timedelta) -> None:
    """Remove those that have not tried for so long."""
    SilentBell.objects.filter(tried_at__lt=clock.now() - older_than).delete()


def _note(signal: telemetry.BellFailed) -> None:
    failing_since = bell.breaker.failing_since
    if connection.in_atomic_block or failing_since is None:
        return  # somebody else's transaction has nothing to do with it
    now = clock.now()
    since = now - timedelta(seconds=time.monotonic() - failing_since)
    SilentBell.objects.update_or_create(
        name=worker_name(), defaults={"since": since, "tried_at": now}
    )
