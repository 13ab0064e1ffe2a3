"""Bearer tokens: issued once, stored as a digest, revocable."""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from events.models import ApiToken

MOST = 20  # tokens that one person may have at a time
_PREFIX = "fd_"  # lets secret scanners recognise a leaked token
_USE_NOTED_EVERY = timedelta(minutes=1)


def issue(user: Any) -> str:
    """A new token of ``user``: 256 random bits. This is the only time it can be read."""
    token = _PREFIX + secrets.token_urlsafe(32)
    ApiToken.objects.create(user=user, digest=_digest(token))
    return token


def of(user: Any) -> QuerySet[ApiToken]:
    """The unrevoked tokens of ``user``, newest first."""
    return ApiToken.objects.filter(user=user, revoked_at=None).order_by("-pk")


def revoke(user: Any, number: int) -> bool:
    """Revoke the token ``number`` of ``user``; whether there was one to revoke."""
    return bool(revoke_all(of(user).filter(pk=number)))


def revoke_all(chosen: QuerySet[ApiToken]) -> int:
    """Revoke those of the tokens that are not yet; return how many there were."""
    return chosen.filter(revoked_at=None).update(revoked_at=datetime.now(UTC))


def user_of(token: str) -> Any | None:
    """The active user whose unrevoked token this is, or None."""
    found = (
        ApiToken.objects.select_related("user")
        .filter(digest=_digest(token), revoked_at=None, user__is_active=True)
        .first()
    )
    if found is None:
        return None
    now = datetime.now(UTC)
    if found.last_used_at is None or now - found.last_used_at > _USE_NOTED_EVERY:
        ApiToken.objects.filter(pk=found.pk).update(last_used_at=now)
    return found.user


def _digest(token: str) -> str:
    # A plain hash is right here: the token has 256 bits of entropy, there is nothing to guess.
    return hashlib.sha256(token.encode()).hexdigest()
