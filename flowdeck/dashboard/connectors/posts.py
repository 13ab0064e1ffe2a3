"""An outlet to a webhook: each attempt, a test of the target, an event sent again."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from flowdeck import parsing
from flowdeck.connect import posts
from flowdeck.dashboard.connectors.attempts import AttemptsPage
from flowdeck.dashboard.shell.page import requires
from flowdeck.dashboard.shell.rendering import render
from flowdeck.errors import SendRefused, UnknownConnector
from flowdeck.models import WebhookAttempt
from flowdeck.people.access import can

_WHY = "Say why, in at most 300 characters: the receiver gets it twice."


@requires("view_connectors")
def page(request: HttpRequest, name: str) -> HttpResponse:
    """The newest attempts; ``?failed=1`` those that failed, ``?before=<number>`` older ones.

    ``?selected=<number>`` shows one with what was answered, ``?again=<number>`` asks whether to
    send its event again.
    """
    again = parsing.number(request.GET.get("again", ""))
    chosen = parsing.number(request.GET.get("selected", "")) if again is None else again
    return _page(request, name, chosen, asks=again is not None)


@require_POST
@requires("manage_connectors", atomic=False)
def test(request: HttpRequest, name: str) -> HttpResponse:
    """Post a test message, and show what was answered."""
    _demand(name)
    return _shown(name, posts.test(name, by=request.user.get_username()))


@require_POST
@requires("manage_connectors", atomic=False)
def again(request: HttpRequest, name: str) -> HttpResponse:
    """Post the event of an attempt once more, and show what was answered."""
    _demand(name)
    number = parsing.number(request.POST.get("attempt", ""))
    found = None if number is None else posts.one(name, number)
    if found is None or found.row.position is None:
        raise Http404(f"{name} keeps no such attempt at an event.")
    typed = request.POST.get("reason", "")
    asked: dict[str, Any] = {"asks": True, "reason": typed, "status": 422}
    reason = parsing.reason(typed)
    if reason is None:
        return _page(request, name, number, **asked, problem=_WHY)
    try:
        by = request.user.get_username()
        kept = posts.again(name, found.row.position, by=by, reason=reason)
    except SendRefused as error:
        return _page(request, name, number, **asked, problem=str(error))
    return _shown(name, kept)


def _demand(name: str) -> None:
    try:
        posts.outlet_to(name)
    except UnknownConnector as error:
        raise Http404(str(error)) from error


def _shown(name: str, kept: WebhookAttempt) -> HttpResponse:
    return redirect(f"{reverse('flowdeck:webhook_attempts', args=[name])}?selected={kept.pk}")


def _page(
    request: HttpRequest,
    name: str,
    chosen: int | None,
    *,
    asks: bool,
    status: int = 200,
    **context: Any,
) -> HttpResponse:
    _demand(name)
    selected = None if chosen is None else posts.one(name, chosen)
    if chosen is not None and selected is None:
        messages.info(request, "That attempt is not kept any more: the newest are.")
    context |= {
        "page": AttemptsPage(
            name,
            failed=request.GET.get("failed") == "1",
            before=parsing.number(request.GET.get("before", "")),
        ),
        "selected": selected,
        "asks": asks,
        "may_manage": can(request.user, "manage_connectors"),
    }
    return render(request, "flowdeck/connectors/attempts.html", context, status=status)
