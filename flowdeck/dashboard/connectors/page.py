"""The connectors: how they are doing; pause, resume and rewind each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from flowdeck import parsing
from flowdeck.connect import connectors, control
from flowdeck.connect.standing import held_keys, standings
from flowdeck.dashboard.connectors.rows import Rows
from flowdeck.dashboard.shell.page import requires
from flowdeck.dashboard.shell.rendering import render
from flowdeck.errors import FlowdeckError, RewindRefused, UnknownConnector
from flowdeck.people.access import can

_VERBS = ("pause", "resume", "rewind", "held")
_WHY = "Say why, in at most 300 characters: whoever finds it so will ask."


@requires("view_connectors")
def page(request: HttpRequest) -> HttpResponse:
    """The tables of outlets and inlets. ``?pause=``, ``?resume=`` and ``?rewind=<name>`` ask first.

    A rewind ``&to=<position or time>`` shows what it would come to; ``?held=<name>`` its held keys.
    """
    for verb in _VERBS:
        if name := request.GET.get(verb, ""):
            return _page(request, verb=verb, asked=name, to=request.GET.get("to", ""))
    return _page(request)


@require_POST
@requires("manage_connectors")
def pause(request: HttpRequest, name: str) -> HttpResponse:
    """Let a connector rest, with a reason for the others."""
    typed = request.POST.get("reason", "")
    reason = parsing.reason(typed)
    if reason is None:
        return _page(request, verb="pause", asked=name, reason=typed, problem=_WHY, status=422)
    by = request.user.get_username()
    if not _found(lambda: control.pause(name, by=by, reason=reason)):
        messages.info(request, f"{name} was paused already; the first reason stands.")
    return redirect("flowdeck:connectors")


@require_POST
@requires("manage_connectors")
def resume(request: HttpRequest, name: str) -> HttpResponse:
    """Let a connector go on."""
    if not _found(lambda: control.resume(name, by=request.user.get_username())):
        messages.info(request, f"{name} was not paused.")
    return redirect("flowdeck:connectors")


@require_POST
@requires("rewind_connectors")
def rewind(request: HttpRequest, name: str) -> HttpResponse:
    """Set a connector to a position, as the dry run that was seen said."""
    _found(lambda: connectors.named(name))
    typed, to = request.POST.get("reason", ""), request.POST.get("to", "")
    reason, position = parsing.reason(typed), parsing.number(to)
    seen = parsing.number(request.POST.get("seen", ""))
    asked: dict[str, Any] = {
        "verb": "rewind",
        "asked": name,
        "to": to,
        "reason": typed,
        "status": 422,
    }
    if reason is None or position is None or seen is None:
        return _page(request, **asked, problem=_WHY if reason is None else "")
    by = request.user.get_username()
    try:
        _found(lambda: control.rewind(name, position, by=by, reason=reason, seen=seen))
    except RewindRefused as error:
        return _page(request, **asked, problem=str(error))
    messages.success(request, f"{name} goes on behind {position:,}.")
    return redirect("flowdeck:connectors")


def _found(act: Callable[[], Any]) -> Any:
    try:
        return act()
    except UnknownConnector as error:
        raise Http404(str(error)) from error


def _page(
    request: HttpRequest, *, verb: str = "", asked: str = "", status: int = 200, **context: Any
) -> HttpResponse:
    context |= {
        "rows": Rows(standings()),
        "may_manage": can(request.user, "manage_connectors"),
        "may_rewind": can(request.user, "rewind_connectors"),
        "verb": verb,
        "asked": asked if asked in connectors.names() else "",
    }
    if verb == "held" and context["asked"]:
        context["keys"] = held_keys(asked)
    if verb == "rewind" and context["asked"]:
        context |= _dry_run(asked, context.get("to", ""))
    return render(request, "flowdeck/connectors/page.html", context, status=status)


def _dry_run(name: str, to: str) -> dict[str, Any]:
    """What a rewind would come to, or why it can't be."""
    if not to:
        return {}
    wanted = parsing.place(to)
    if wanted is None:
        return {"refusal": f"{to[:60]!r} is no position, and no time such as 2026-11-25T10:42."}
    try:
        return {"dry_run": control.would_rewind(name, wanted)}
    except FlowdeckError as error:
        return {"refusal": str(error)}
