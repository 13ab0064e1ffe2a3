"""Bearer tokens: issued once, stored as a digest, revocable."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from flowdeck.database import atomic_with_people
from flowdeck.models import ApiToken
from flowdeck.people import audit

MOST = 20  # tokens that one person may have at a time
_BEARER = "Bearer "
_PREFIX = "fd_"  # lets secret scanners recognise a leaked token
_USE_NOTED_EVERY = timedelta(minutes=1)


def issue(
    user: Any, *, name: str = "", scope: str = ApiToken.Scope.FULL, types: Iterable[str] = ()
) -> str:
    """A new token of ``user``: 256 random bits. This is the only time it can be read.

    ``name`` says what it is for; ``types`` are the event types that it may publish, if not all.
    Raises ValueError for a scope that there is not.
    """
    token, kept = _PREFIX + secrets.token_urlsafe(32), ApiToken.Scope(scope)
    with atomic_with_people():
        made = ApiToken.objects.create(
            user=user,
            digest=_digest(token),
            name=printable(name)[:60],
            scope=kept,
            types=" ".join(sorted(types)),
        )
        audit.record(
            "create_token",
            by=user.get_username(),
            target=f"token {made.pk}",
            count=1,
            reason=f"scope {kept}",
        )
    return token


def of(user: Any) -> QuerySet[ApiToken]:
    """The unrevoked tokens of ``user``, newest first."""
    return ApiToken.objects.filter(user=user, revoked_at=None).order_by("-pk")


def revoke(user: Any, number: int) -> bool:
    """Revoke the token ``number`` of ``user``; whether there was one to revoke."""
    return bool(revoke_all(of(user).filter(pk=number), by=user.get_username()))


def revoke_all(chosen: QuerySet[ApiToken], *, by: str) -> int:
    """Revoke those of the tokens that are not yet; return how many there were."""
    with atomic_with_people():
        valid = chosen.filter(revoked_at=None)
        numbers = ", ".join(str(one) for one in valid.values_list("pk", flat=True)[:20])
        count = valid.update(revoked_at=datetime.now(UTC))
        if count:
            audit.record("revoke_token", by=by, target=f"token {numbers}", count=count)
    return count


def find(token: str) -> ApiToken | None:
    """This token with its user, if it is not revoked and the user is active; its use is noted."""
    found = (
        ApiToken.objects.select_related("user")
        .filter(digest=_digest(token), revoked_at=None)
        .first()
    )
    if found is None or not found.user.is_active:
        return None
    now = datetime.now(UTC)
    if found.last_used_at is None or now - found.last_used_at > _USE_NOTED_EVERY:
        ApiToken.objects.filter(pk=found.pk).update(last_used_at=now)
    return found


def of_bearer(said: str, scopes: Iterable[str]) -> ApiToken | None:
    """The token of an ``Authorization`` header, if it is valid and has one of these scopes."""
    found = find(said.removeprefix(_BEARER)) if said.startswith(_BEARER) else None
    return found if found is not None and found.scope in scopes else None


def printable(text: str) -> str:
    """What a person typed without the characters that can't be shown."""
    return "".join(c for c in text if c.isprintable()).strip()


def _digest(token: str) -> str:
    # A plain hash is right here: the token has 256 bits of entropy, there is nothing to guess.
    return hashlib.sha256(token.encode()).hexdigest()
