"""DATABASE_URL as Django wants it, for the peers that use Django."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit


def databases(url: str) -> dict[str, Any]:
    """``postgresql://user:@/name?host=/folder`` with persistent connections."""
    parts = urlsplit(url)
    return {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": parts.path.lstrip("/"),
            "USER": parts.username or "",
            "HOST": parse_qs(parts.query)["host"][0],
            "CONN_MAX_AGE": None,
        }
    }
