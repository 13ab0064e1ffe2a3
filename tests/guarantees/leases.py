"""Time passes: leases of workers that are gone run out."""

from __future__ import annotations

from flowdeck.models import Lane


def run_out() -> None:
    """End all leases now."""
    Lane.objects.update(lease_expires_at=None, token=None)
