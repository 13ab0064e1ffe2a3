"""What all pages share: who may open them, and how much of them is asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase

from flowdeck.dashboard.shell.once import once
from flowdeck.dashboard.shell.rendering import render
from flowdeck.people import audit
from flowdeck.people.access import can

_LOOKING = ("GET", "HEAD", "OPTIONS")
Page = Callable[..., HttpResponseBase]


def signed_in(page: Page) -> Page:
    """Send visitors to the sign-in page first; a form that is sent twice acts once.

    No cache keeps what comes of it, in whatever project: it was made for one person.

    A refusal is the library's own page, in its shell, since it says which permission is needed;
    addresses of nothing are Http404, which the project answers as it does everywhere.
    """
    return _guarded(page, atomic=True)


def _guarded(page: Page, *, atomic: bool) -> Page:
    @wraps(page)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        try:
            answer = once(request, lambda: page(request, *args, **kwargs), atomic=atomic)
        except PermissionDenied as refused:
            context = {"exception": str(refused)}
            answer = render(request, "flowdeck/not_allowed.html", context, status=403)
        answer.headers.setdefault("Cache-Control", "no-store")
        return answer

    return guarded


def demand(request: HttpRequest, action: str) -> None:
    """Go on only if whoever is signed in may do ``action``. Raises PermissionDenied.

    What was not only looked at but tried to be done is noted in the audit.
    """
    decision = can(request.user, action)
    if decision:
        return
    if request.method not in _LOOKING:
        by = request.user.get_username()
        audit.refused(action, by=by, target=request.path, reason=decision.reason)
    raise PermissionDenied(decision.reason)


def requires(action: str, *, atomic: bool = True) -> Callable[[Page], Page]:
    """Let only those open the page who may do ``action``; tell others which permission they need.

    What was not only looked at but tried to be done is noted in the audit. What a form does is one
    transaction with the note that it was sent, unless it is not ``atomic`` (:func:`once`).
    """

    def decorate(page: Page) -> Page:
        @wraps(page)
        def permitted(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            demand(request, action)
            return page(request, *args, **kwargs)

        return _guarded(permitted, atomic=atomic)

    return decorate
