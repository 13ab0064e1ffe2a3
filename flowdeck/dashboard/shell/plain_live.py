"""What live pages ask for by plain HTTP."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from flowdeck.dashboard.shell.page import signed_in
from flowdeck.live import polling


@require_safe
@signed_in
def live(request: HttpRequest) -> HttpResponse:
    """Answer 400: whoever comes by plain HTTP wanted the socket (:mod:`flowdeck.live.routing`)."""
    said = "This is the address of a websocket. A proxy in front has to let its upgrade pass.\n"
    return HttpResponse(said, status=400, content_type="text/plain")


@require_safe
@signed_in
def live_regions(request: HttpRequest) -> HttpResponse:
    """The regions of the views named in ``?view=`` as JSON, for a page without a socket."""
    return JsonResponse(polling.regions(request.user, request.GET.getlist("view")))
