"""The timeline: swimlanes of what happens now, above the newest rows of the log."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect

from flowdeck import clock
from flowdeck.dashboard.event.detail import detail_of
from flowdeck.dashboard.logs import page as log
from flowdeck.dashboard.logs.filter import LogFilter
from flowdeck.dashboard.shared import columns
from flowdeck.dashboard.shared.parameters import Parameters, moment
from flowdeck.dashboard.shell.once import wants_part
from flowdeck.dashboard.shell.page import requires
from flowdeck.dashboard.shell.rendering import render
from flowdeck.dashboard.timeline.data import Timeline, Wanted
from flowdeck.dashboard.timeline.shapes import NOW, WINDOWS

_STEP = 0.5  # of a window, for one step to earlier or later


@requires("view_log")
def timeline(request: HttpRequest) -> HttpResponse:
    """The page, or for htmx its drawing. Takes the filter of the log and what ``chosen`` reads."""
    wanted, filter = chosen(request.GET), LogFilter.parse(request.GET)
    if wants_part(request):
        return render(request, "flowdeck/timeline/_drawing.html", context_of(wanted))
    if tidy := log.tidied(request, filter, window=str(wanted.seconds)):
        return redirect(f"{request.path}{tidy}")
    context = context_of(wanted) | log.context_of(filter, request.user)
    context |= columns.context_of(request)
    selected = context["timeline"].selected
    context |= {
        "detail": detail_of(selected, request.user) if selected else None,
        "here": request.path,
        "keep": f"{query_of(Wanted(wanted.seconds, unfolded=wanted.unfolded))}&",
        "log_query": filter.query,
    }
    return render(request, "flowdeck/timeline/page.html", context)


def context_of(wanted: Wanted) -> dict[str, Any]:
    """What the drawing's template needs."""
    shown = Timeline.load(wanted)
    window = shown.window
    later = window.ends(_STEP)
    return {
        "timeline": shown,
        "seconds": wanted.seconds,
        "unfolded": wanted.unfolded,
        "windows": WINDOWS.items(),
        "words": WINDOWS[wanted.seconds],
        "earlier": text_of(window.ends(-_STEP)),
        "later": text_of(later) if later < clock.now() else "",
        "strip_since": int(shown.strip.window.since.timestamp() * 1000),
        "strip_length": round(shown.strip.window.seconds * 100_000 / NOW),
        "drawing_view": f"timeline:{query_of(wanted)}",
    }


def chosen(query: QueryDict) -> Wanted:
    """From untrusted parameters ``window``, ``selected``, ``until``, ``lanes=all``.

    What makes no sense is left out.
    """
    read = Parameters(query)
    seconds, until = read.number("window"), read.time("until")
    return Wanted(
        seconds if seconds in WINDOWS else 15,
        read.number("selected"),
        moment(until) if until else None,
        query.get("lanes") == "all",
    )


def query_of(wanted: Wanted) -> str:
    """The parameters that ``chosen`` reads, as the name of a live view has them."""
    pairs = {
        "window": wanted.seconds,
        "selected": wanted.selected,
        "until": text_of(wanted.until) if wanted.until else None,
        "lanes": "all" if wanted.unfolded else None,
    }
    return urlencode({name: value for name, value in pairs.items() if value is not None})


def text_of(when: datetime) -> str:
    """A moment as the parameters have it."""
    return when.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
