"""The flow map: who talks to whom, and where it jams."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse

from flowdeck.dashboard.flow.choice import WINDOWS, Choice
from flowdeck.dashboard.flow.facts import Facts
from flowdeck.dashboard.flow.jam import sentence_of
from flowdeck.dashboard.flow.map import FlowMap
from flowdeck.dashboard.flow.panel import panel_of
from flowdeck.dashboard.flow.topology import TOPOLOGIES, mediators
from flowdeck.dashboard.shell.once import wants_part
from flowdeck.dashboard.shell.page import requires
from flowdeck.dashboard.shell.rendering import render
from flowdeck.people.access import can


@requires("view_log")
@requires("view_processors")
def flow(request: HttpRequest) -> HttpResponse:
    """The map. ``?focus=type:<name>`` draws its neighbourhood, ``?models=1`` read models too,
    ``?unused=1`` what never got anything, ``?topology=mediator`` what goes through a mediator;
    rates are of the last ``?window=`` seconds.

    ``?node=<kind>:<name>`` opens the panel beside it; for htmx the answer is the panel alone.
    """
    choice = Choice.of(request.GET)
    facts = Facts.load(choice.window)
    panel = panel_of(choice.node, facts) if choice.node else None
    context = {
        "panel": panel,
        "may_pause": can(request.user, "pause_processor"),
        "choice": choice,
        "close_url": choice.query(node="") or "?",
        "focus_url": choice.query(focus=choice.node),
    }
    if wants_part(request) and choice.node:
        if panel is None:
            raise Http404(f"The map has no {choice.node!r}.")
        return render(request, "flowdeck/flow/_panel.html", context)
    return render(request, "flowdeck/flow/page.html", context | context_of(choice, facts))


def context_of(choice: Choice, facts: Facts) -> dict[str, Any]:
    """What the map and the tables need; it is the same for whoever looks."""
    return {
        "map": FlowMap.of(facts, choice),
        "jam": sentence_of(facts),
        "choice": choice,
        "focused": choice.focus.partition(":")[2],
        "kept": choice.kept,
        "here": choice.query(node=""),
        "windows": [(choice.query(window=s), s, label) for s, label in WINDOWS.items()],
        "topologies": _topologies(choice),
        "live_view": f"flow:{choice.query(node='')}",
        "unused_url": choice.query(unused="" if choice.unused else "1"),
        "models_url": choice.query(models="" if choice.models else "1"),
    }


def _topologies(choice: Choice) -> list[tuple[str, str, str]]:
    """Address, name and label of each way to look at the flows; none if nobody mediates."""
    names = {"": "All", **TOPOLOGIES} if mediators() else {}
    return [
        (choice.query(topology=name, focus="") or "?", name, label) for name, label in names.items()
    ]
