"""Why?: a question that anybody may type, and its answer. It changes nothing."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from flowdeck.dashboard.shared.parameters import Parameters
from flowdeck.dashboard.shell.page import requires
from flowdeck.dashboard.shell.rendering import render
from flowdeck.dashboard.why.shown import Shown, worth_asking
from flowdeck.why.ask import why
from flowdeck.why.subject import LONGEST


@requires("view_log")
def page(request: HttpRequest) -> HttpResponse:
    """The answer to ``?of=``; without it, what is worth asking now."""
    asked = Parameters(request.GET).text("of", LONGEST)
    found = why(asked) if asked else None
    context = {
        "asked": asked,
        "shown": Shown(found) if found else None,
        "suggestions": [] if found else worth_asking(),
    }
    unknown = bool(asked) and found is None
    return render(request, "flowdeck/why/page.html", context, status=404 if unknown else 200)
