"""Who calls the API: a signed-in browser (CSRF checked) or the bearer of a token."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja.security import HttpBearer, SessionAuth

from events import tokens


class BearerAuth(HttpBearer):
    """``Authorization: Bearer <token>``, as ``manage.py create_token`` prints it."""

    def authenticate(self, request: HttpRequest, token: str) -> Any | None:
        """The token's user, who is then the request's user."""
        user = tokens.user_of(token)
        if user is not None:
            request.user = user
        return user


class BrowserAuth(SessionAuth):
    """A signed-in session. Who is not signed in hears so before hearing of a CSRF token."""

    def __call__(self, request: HttpRequest) -> Any | None:
        """The session's user; raises HttpError 403 if the CSRF check fails."""
        return super().__call__(request) if request.user.is_authenticated else None


# A session is asked for last: a request with a token needs no CSRF cookie.
authentication = [BearerAuth(), BrowserAuth()]
