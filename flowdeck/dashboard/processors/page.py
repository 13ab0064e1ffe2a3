"""The processors: how they are doing, and the switch of each."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from flowdeck import parsing
from flowdeck.dashboard.processors.one import SCALES, USUAL, ProcessorPage
from flowdeck.dashboard.shared.run_times import run_times
from flowdeck.dashboard.shell.page import requires
from flowdeck.dashboard.shell.rendering import render
from flowdeck.declare.registry import registry
from flowdeck.engine import pause as switch
from flowdeck.errors import UnknownProcessor
from flowdeck.observe.overview import overview
from flowdeck.people.access import can


@requires("view_processors")
def processors(request: HttpRequest) -> HttpResponse:
    """The table of all processors. ``?pause=<name>`` and ``?resume=<name>`` ask first."""
    for verb in ("Pause", "Resume"):
        if name := request.GET.get(verb.lower(), ""):
            return _page(request, asked=name, verb=verb)
    return _page(request)


@requires("view_processors")
def processor(request: HttpRequest, name: str) -> HttpResponse:
    """One of them, with its history: ``?window=`` is 1h, 24h or 7d."""
    return one_page(request, name)


def one_page(request: HttpRequest, name: str, *, status: int = 200, **context: Any) -> HttpResponse:
    """The page of one; Http404 if there is none of that name."""
    if name not in registry.processors:
        raise Http404(f"There is no processor {name!r}.")
    window = request.GET.get("window", "")
    page = ProcessorPage(name, window if window in SCALES else USUAL)
    context = {
        **context_of(page),
        "may_pause": can(request.user, "pause_processor"),
        "may_limit": can(request.user, "change_limits"),
        "may_audit": can(request.user, "view_audit"),
        "typed": page.standing.row.limits,
        **context,
    }
    return render(request, "flowdeck/processors/one.html", context, status=status)


def context_of(page: ProcessorPage) -> dict[str, Any]:
    """What the templates of one processor need."""
    return {"page": page, "scales": list(SCALES)}


@require_POST
@requires("pause_processor")
def pause(request: HttpRequest, name: str) -> HttpResponse:
    """Let a processor's deliveries wait, with a reason for the others."""
    typed = request.POST.get("reason", "")
    reason = parsing.reason(typed)
    if reason is None:
        problem = "Say why, in at most 300 characters: whoever finds it paused will ask."
        return _page(request, asked=name, verb="Pause", reason=typed, problem=problem, status=422)
    try:
        changed = switch.pause(name, by=request.user.get_username(), reason=reason)
    except UnknownProcessor as error:
        raise Http404(str(error)) from error
    if not changed:
        messages.info(request, f"{name} was paused already; the first reason stands.")
    return redirect("flowdeck:processors")


@require_POST
@requires("pause_processor")
def resume(request: HttpRequest, name: str) -> HttpResponse:
    """Let a processor work again."""
    try:
        changed = switch.resume(name, by=request.user.get_username())
    except UnknownProcessor as error:
        raise Http404(str(error)) from error
    if not changed:
        messages.info(request, f"{name} was not paused.")
    return redirect("flowdeck:processors")


def _page(
    request: HttpRequest, *, asked: str = "", status: int = 200, **context: Any
) -> HttpResponse:
    context |= {
        "overview": overview(),
        "times": run_times(),
        "may_pause": can(request.user, "pause_processor"),
        "asked": asked if asked in registry.processors else "",
    }
    return render(request, "flowdeck/processors/page.html", context, status=status)
