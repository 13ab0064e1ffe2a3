"""Guessing passwords: ten for one account from one address, a hundred from one address in all.

The second limit stops whoever tries one common password on many accounts. The address is that of
the peer, or of the client that a trusted proxy names (``TRUSTED_PROXIES``).
"""

from __future__ import annotations

import ipaddress
from typing import Any

from axes.attempts import get_cool_off_threshold
from axes.handlers.database import AxesDatabaseHandler
from axes.models import AccessAttempt
from django.db.models import Sum
from django.http import HttpRequest

ACCOUNT_LIMIT = 10
ADDRESS_LIMIT = 100
_ONE_HOST = 64  # bits of an IPv6 address that are one customer's; the rest they choose freely


class Handler(AxesDatabaseHandler):  # type: ignore[misc]
    """Counts by account and address, and by address alone."""

    def get_failures(self, request: HttpRequest, credentials: Any = None) -> int:
        """The failures that count against ``ACCOUNT_LIMIT``; of an address, each a tenth."""
        pair: int = super().get_failures(request, credentials)
        tries = AccessAttempt.objects.filter(
            ip_address=address(request), attempt_time__gte=get_cool_off_threshold(request)
        )
        total = tries.aggregate(total=Sum("failures_since_start"))["total"] or 0
        return max(pair, total * ACCOUNT_LIMIT // ADDRESS_LIMIT)


def address(request: HttpRequest) -> str:
    """Where a request comes from, as far as guesses are counted."""
    said = request.META.get("REMOTE_ADDR") or "127.0.0.1"  # a Unix socket has none
    found = ipaddress.ip_address(said.partition("%")[0])
    if found.version == 4:
        return str(found)
    return str(ipaddress.ip_network((found, _ONE_HOST), strict=False).network_address)
