"""The flow map: who talks to whom, and where it jams."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from events.access import can
from events.dashboard.flow_facts import Facts
from events.dashboard.flow_map import Choice, FlowMap
from events.dashboard.flow_panel import panel_of
from events.dashboard.page import requires


@requires("view_log")
@requires("view_processors")
def flow(request: HttpRequest) -> HttpResponse:
    """The map. ``?focus=type:<name>`` draws its neighbourhood, ``?models=1`` read models too,
    ``?unused=1`` what never got anything.

    ``?node=<kind>:<name>`` opens the panel beside it; for htmx the answer is the panel alone.
    """
    choice, facts = Choice.of(request.GET), Facts.load()
    panel = panel_of(choice.node, facts) if choice.node else None
    context = {"panel": panel, "may_pause": can(request.user, "pause_processor")}
    if getattr(request, "htmx", None) and choice.node:
        if panel is None:
            raise Http404(f"The map has no {choice.node!r}.")
        return render(request, "events/flow/_panel.html", context | {"choice": choice})
    return render(request, "events/flow/page.html", context | context_of(choice, facts))


def context_of(choice: Choice, facts: Facts) -> dict[str, Any]:
    """What the map and the tables need; it is the same for whoever looks."""
    return {
        "map": FlowMap.of(facts, choice),
        "choice": choice,
        "live_view": f"flow:{choice.query(node='')}",
        "unused_url": choice.query(unused="" if choice.unused else "1"),
        "models_url": choice.query(models="" if choice.models else "1"),
    }
