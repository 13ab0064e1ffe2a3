"""Objectives: the share that got there, the budget and how fast it burns; setting them."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from flowdeck import parsing
from flowdeck.dashboard.objectives.chart import Bar, bars
from flowdeck.dashboard.shell.page import requires
from flowdeck.dashboard.shell.rendering import render
from flowdeck.declare.objectives import declared
from flowdeck.declare.registry import registry
from flowdeck.models import Objective
from flowdeck.objectives import setting
from flowdeck.objectives.standing import Standing, standings
from flowdeck.people.access import can

_FIELDS = ("name", "began_with", "reaches", "within", "target", "days")
_NEW = {"within": 5, "target": 95, "days": 30}


@requires("view_alerts")
def objectives(request: HttpRequest) -> HttpResponse:
    """All of them. ``?edit=<number>`` opens one, ``?edit=new`` a new one; ``?delete=`` asks."""
    return _page(request, request.GET.get("edit", ""))


@require_POST
@requires("manage_alerts")
def save(request: HttpRequest) -> HttpResponse:
    """Keep a new one, or change one."""
    edited = request.POST.get("number", "")
    number = _known(parsing.number(edited)).pk if edited else None
    wanted = {name: request.POST.get(name, "") for name in _FIELDS}
    try:
        setting.save(number, wanted["name"], wanted, by=request.user.get_username())
    except setting.ObjectiveRefused as error:
        return _page(request, edited or "new", wanted=wanted, problem=str(error))
    return redirect("flowdeck:objectives")


@require_POST
@requires("manage_alerts")
def delete(request: HttpRequest, number: int) -> HttpResponse:
    """Forget one, and how it was reached."""
    row = _known(number)
    try:
        setting.delete(number, by=request.user.get_username())
    except setting.ObjectiveRefused as error:
        messages.error(request, str(error))
    else:
        messages.info(request, f"The objective {row.name} is deleted.")
    return redirect("flowdeck:objectives")


def _page(
    request: HttpRequest, edited: str, wanted: dict[str, str] | None = None, problem: str = ""
) -> HttpResponse:
    may_manage = can(request.user, "manage_alerts")
    row = _known(parsing.number(edited)) if edited and edited != "new" else None
    fields = {name: getattr(row, name) for name in _FIELDS} if row else _NEW
    asked = parsing.number(request.GET.get("delete", ""))
    context = {
        "objectives": [_shown(one) for one in standings()],
        "may_manage": may_manage,
        "edits": bool(edited) and bool(may_manage),
        "edited": row,
        "asked": _known(asked) if asked is not None and may_manage else None,
        "fields": wanted or fields,
        "problem": problem,
        "types": sorted(registry.event_types),
    }
    return render(request, "flowdeck/objectives/page.html", context, status=422 if problem else 200)


def _shown(one: Standing) -> dict[str, Any]:
    found: list[Bar] = bars(one.days)
    return {
        "standing": one,
        "said": setting.said(setting.aim_of(one.row)),
        "in_code": one.row.name in declared,
        "bars": found,
        "gauge": min(100.0, max(0.0, one.left or 0.0)),
    }


def _known(number: int | None) -> Objective:
    return get_object_or_404(Objective, pk=number)
