"""Your account: what you may do, and the API tokens that act in your name."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from flowdeck.dashboard.shell.page import signed_in
from flowdeck.dashboard.shell.rendering import render
from flowdeck.models import ApiToken
from flowdeck.people import tokens
from flowdeck.people.access import permissions_of


@signed_in
def account(request: HttpRequest) -> HttpResponse:
    """Every permission with whether it is given and why not, and the tokens."""
    return _page(request)


@require_POST
@signed_in
@never_cache
def create_token(request: HttpRequest) -> HttpResponse:
    """Issue a token and show it, this once."""
    if tokens.of(request.user).count() >= tokens.MOST:
        messages.warning(
            request, f"You have {tokens.MOST} tokens. Revoke one that you don't use first."
        )
        return redirect("flowdeck:account")
    scope = request.POST.get("scope") or ApiToken.Scope.FULL
    if scope not in ApiToken.Scope.values:
        messages.warning(request, "Choose what the token may do. Nothing was created.")
        return redirect("flowdeck:account")
    issued = tokens.issue(request.user, name=request.POST.get("name", ""), scope=scope)
    answer = _page(request, issued=issued, status=201)
    answer.headers["Location"] = reverse("flowdeck:account")
    return answer


@require_POST
@signed_in
def revoke_token(request: HttpRequest, number: int) -> HttpResponse:
    """Make one of the own tokens worthless."""
    if not tokens.revoke(request.user, number):
        raise Http404("You have no such token, or it was revoked already.")
    messages.success(request, f"Token {number} is revoked. Calls with it are refused from now on.")
    return redirect("flowdeck:account")


def _page(request: HttpRequest, *, issued: str = "", status: int = 200) -> HttpResponse:
    context = {
        "permissions": permissions_of(request.user),
        "tokens": tokens.of(request.user),
        "issued": issued,
        "scopes": ApiToken.Scope.choices,
    }
    return render(request, "flowdeck/account/page.html", context, status=status)
