"""``/livez`` and ``/readyz``: for service managers and balancers, so without a sign-in."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from flowdeck.probes.readiness import CHECKS, readiness

_NOT_KEPT = {"Cache-Control": "no-store"}


@require_safe
def livez(request: HttpRequest) -> JsonResponse:
    """200 as long as this process answers. Asks nothing else, so it fails for no other's fault."""
    return JsonResponse({"alive": True}, headers=_NOT_KEPT)


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200, or 503 with the names of the checks that fail: ``{"ready": false, "failing": [...]}``.

    ``?exclude=workers`` leaves a check out, as often as it is given; 400 names an unknown one.
    """
    excluded = set(request.GET.getlist("exclude")[: len(CHECKS) + 1])
    if unknown := sorted(excluded - set(CHECKS)):
        detail = f"There is no check {unknown[0][:40]!r}; there are {', '.join(CHECKS)}."
        return JsonResponse({"detail": detail}, status=400, headers=_NOT_KEPT)
    failing = [one for one in CHECKS if one in readiness.failing() and one not in excluded]
    answer = {"ready": not failing, "failing": failing}
    return JsonResponse(answer, status=503 if failing else 200, headers=_NOT_KEPT)
