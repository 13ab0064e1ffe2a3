"""Timers: what is due next, letting it come now, later or never, and holding all of it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from flowdeck import parsing
from flowdeck.dashboard.shell.page import requires
from flowdeck.dashboard.shell.rendering import render
from flowdeck.dashboard.timers.rows import TABS, Choice, Timers
from flowdeck.engine import schedules
from flowdeck.errors import InvalidEnvelope
from flowdeck.log import timers as acts
from flowdeck.models import Schedule, Timer
from flowdeck.people.access import can

_VERBS = {"fire": "Fire now", "cancel": "Cancel", "move": "Change time"}
_SWITCHES = {"hold": "Hold all timers", "release": "Release timers"}
_OF_SCHEDULES = {"pause": "Pause", "resume": "Resume"}
_WHY = "Say why, in at most 300 characters: whoever looks for it will ask."


@requires("view_log")
def timers(request: HttpRequest) -> HttpResponse:
    """What is due next. ``?fire=``, ``?cancel=`` and ``?move=`` a number, or ``?ask=hold``, ask
    first."""
    for verb in _VERBS:
        if number := parsing.number(request.GET.get(verb, "")):
            return _page(request, verb, _open(number))
    for verb in _OF_SCHEDULES:
        if name := request.GET.get(verb, ""):
            return _page(request, verb, schedule=_known(name))
    asked = request.GET.get("ask", "")
    return _page(request, asked if asked in _SWITCHES else "")


@require_POST
@requires("operate_timers")
def change(request: HttpRequest, number: int) -> HttpResponse:
    """Let an open timer come now, at another time or never, with a reason."""
    verb, typed = request.POST.get("verb", ""), request.POST.get("reason", "")
    if verb not in _VERBS:
        raise Http404("A timer is fired, cancelled or moved.")
    reason, at = parsing.reason(typed), parsing.moment(request.POST.get("at", ""))
    problem = _WHY if reason is None else ""
    if verb == "move" and at is None:
        problem = "Say when, as a date and a time."
    if reason is None or problem:
        return _page(request, verb, _open(number), reason=typed, problem=problem, status=422)
    by = request.user.get_username()
    try:
        changed = (
            acts.call_off(number, by=by, reason=reason)
            if verb == "cancel"
            else acts.move(number, at if verb == "move" else None, by=by, reason=reason)
        )
    except InvalidEnvelope as error:
        said = str(error)
        return _page(request, verb, _open(number), reason=typed, problem=said, status=422)
    if not changed:
        messages.info(request, "It has come or ended already, so there was nothing to change.")
    return redirect("flowdeck:timers")


@require_POST
@requires("operate_timers")
def switch(request: HttpRequest) -> HttpResponse:
    """Hold all timers with a reason, or release them."""
    asked, typed = request.POST.get("ask", ""), request.POST.get("reason", "")
    if asked not in _SWITCHES:
        raise Http404("Timers are held or released.")
    reason, by = parsing.reason(typed), request.user.get_username()
    if reason is None:
        return _page(request, asked, reason=typed, problem=_WHY, status=422)
    changed = (acts.hold if asked == "hold" else acts.go_on)(by=by, reason=reason)
    if not changed:
        messages.info(request, "Somebody was faster: it was so already.")
    return redirect("flowdeck:timers")


@require_POST
@requires("operate_timers")
def change_schedule(request: HttpRequest, name: str) -> HttpResponse:
    """Pause a schedule with a reason, or resume it."""
    verb, typed = request.POST.get("verb", ""), request.POST.get("reason", "")
    row = _known(name)
    if verb not in _OF_SCHEDULES:
        raise Http404("A schedule is paused or resumed.")
    reason, by = parsing.reason(typed), request.user.get_username()
    if reason is None:
        return _page(request, verb, schedule=row, reason=typed, problem=_WHY, status=422)
    if not getattr(schedules, verb)(row.name, by=by, reason=reason):
        messages.info(request, "Somebody was faster: it was so already.")
    return redirect(f"{reverse('flowdeck:timers')}?tab=schedules")


def _known(name: str) -> Schedule:
    found = Schedule.objects.filter(pk=name).first() if name.isprintable() else None
    if found is None:
        raise Http404(f"There is no schedule {name[:50]!r}.")
    return found


def _open(number: int) -> Timer:
    found = Timer.objects.filter(pk=number, ended_at=None).first()
    if found is None:
        raise Http404("There is no such timer any more: it has come, or was cancelled.")
    return found


def _page(
    request: HttpRequest,
    verb: str = "",
    asked: Timer | None = None,
    *,
    status: int = 200,
    **context: Any,
) -> HttpResponse:
    shown = Timers(Choice.parse(request.GET))
    here = reverse("flowdeck:timers")
    context |= {
        "shown": shown,
        "tabs": [
            (f"{here}?tab={tab}" if tab else here, label, tab == shown.choice.tab)
            for tab, label in TABS.items()
        ],
        "may": can(request.user, "operate_timers"),
        "verb": verb,
        "title": {**_VERBS, **_SWITCHES, **_OF_SCHEDULES}.get(verb, ""),
        "asked": asked,
    }
    return render(request, "flowdeck/timers/page.html", context, status=status)
