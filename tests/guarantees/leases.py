"""Time passes: leases of workers that are gone run out, and lanes that they kept are free."""

from __future__ import annotations

from datetime import timedelta

from flowdeck import clock
from flowdeck.models import Lane


def run_out() -> None:
    """End all leases now, and let the last claims be a while ago."""
    Lane.objects.update(
        lease_expires_at=None, token=None, claimed_at=clock.now() - timedelta(seconds=1)
    )
