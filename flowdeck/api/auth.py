"""Who calls the API: a signed-in browser (CSRF checked) or the bearer of a token."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja.errors import HttpError
from ninja.security import HttpBearer, SessionAuth

from flowdeck.models import ApiToken
from flowdeck.people import audit, tokens

_LOOKING = ("GET", "HEAD")


class BearerAuth(HttpBearer):
    """``Authorization: Bearer <token>``, as ``manage.py create_token`` prints it."""

    publishes = False
    """Whether the operation is the one that publishes events: then some tokens do nothing else."""

    def authenticate(self, request: HttpRequest, token: str) -> Any | None:
        """The token's user, who is then the request's user.

        Raises HttpError 403 if the token's scope does not reach that far.
        """
        found = tokens.find(token)
        if found is None:
            return None
        request.user = found.user
        request.api_token = found  # type: ignore[attr-defined]
        if reason := self._beyond(found, request):
            by = found.user.get_username()
            audit.refused("use_token", by=by, target=request.path, reason=reason)
            raise HttpError(403, reason)
        return found.user

    def _beyond(self, token: ApiToken, request: HttpRequest) -> str:
        """Why the token does not reach as far as this request, or ""."""
        if token.scope == ApiToken.Scope.READ and request.method not in _LOOKING:
            return "This token may look only. Create one of full scope for what changes things."
        if token.scope == ApiToken.Scope.SEND and not self.publishes:
            return "This token may publish events and nothing else."
        if token.scope == ApiToken.Scope.SPANS:
            return "This token may send spans and nothing else."
        return ""


class PublishingAuth(BearerAuth):
    """The same, of the operation that publishes events."""

    publishes = True


class BrowserAuth(SessionAuth):
    """A signed-in session. Who is not signed in hears so before hearing of a CSRF token."""

    def __call__(self, request: HttpRequest) -> Any | None:
        """The session's user; raises HttpError 403 if the CSRF check fails."""
        return super().__call__(request) if request.user.is_authenticated else None


# A session is asked for last: a request with a token needs no CSRF cookie.
authentication = [BearerAuth(), BrowserAuth()]
publishing = [PublishingAuth(), BrowserAuth()]
