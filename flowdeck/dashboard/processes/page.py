"""Processes: who stands where, one instance, and stopping it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from flowdeck import parsing
from flowdeck.dashboard.processes.rows import Choice, Processes
from flowdeck.dashboard.shell.page import requires
from flowdeck.dashboard.shell.rendering import render
from flowdeck.people.access import can
from flowdeck.process_managers.declared import flows, names
from flowdeck.process_managers.stopping import stop as stop_instance

_WHY = "Say why, in at most 300 characters: whoever looks for it will ask."


@requires("view_log")
def processes(request: HttpRequest) -> HttpResponse:
    """The first process there is, or that there is none."""
    if flows:
        return redirect("flowdeck:process", names()[0])
    return render(request, "flowdeck/processes/none.html", {})


@requires("view_log")
def process(request: HttpRequest, process: str) -> HttpResponse:
    """The state diagram and instances of one process; with ``?selected=`` one of these,
    and with ``?stop=1`` what stopping it would do."""
    return _page(request, process, asks=bool(request.GET.get("stop")))


@require_POST
@requires("operate_processes")
def stop(request: HttpRequest, process: str) -> HttpResponse:
    """Stop an instance with a reason, with or without undoing what it has done."""
    key, typed = request.POST.get("key", ""), request.POST.get("reason", "")
    reason, undo = parsing.reason(typed), request.POST.get("undo") == "1"
    if reason is None:
        return _page(request, process, key, asks=True, status=422, reason=typed, problem=_WHY)
    known = _known(process)
    by = request.user.get_username()
    if not stop_instance(known, key, undo=undo, by=by, reason=reason):
        messages.info(request, "It is not under way any more, so there was nothing to stop.")
    where = reverse("flowdeck:process", args=[known])
    return redirect(f"{where}?{Choice(known, Choice.parse(known, request.GET).wanted).query()}")


def _known(name: str) -> str:
    if name not in flows:
        raise Http404(f"There is no process {name[:50]!r}.")
    return name


def _page(
    request: HttpRequest,
    name: str,
    selected: str = "",
    *,
    asks: bool,
    status: int = 200,
    **context: Any,
) -> HttpResponse:
    query = request.GET.copy()
    if selected:
        query["selected"] = selected
    shown = Processes(Choice.parse(_known(name), query))
    if shown.choice.selected and shown.one is None:
        messages.info(request, "There is no such instance any more.")
    context |= {"shown": shown, "may": can(request.user, "operate_processes"), "asks": asks}
    return render(request, "flowdeck/processes/page.html", context, status=status)
