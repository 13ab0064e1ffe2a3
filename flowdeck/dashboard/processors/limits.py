"""Changing the limits of a processor by hand, and back to what its code says."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from flowdeck import parsing
from flowdeck.dashboard.processors.page import one_page
from flowdeck.dashboard.shell.page import requires
from flowdeck.declare.limits import Limits
from flowdeck.engine import limiting
from flowdeck.errors import NotLimited, RegistrationError, UnknownProcessor

_MOST = 1_000_000
_FIELDS = ("concurrent", "per", "burst", "reason")


@require_POST
@requires("change_limits")
def change_limits(request: HttpRequest, name: str) -> HttpResponse:
    """Let other limits hold, with a reason; with ``back=1`` those of the code."""
    typed = {field: request.POST.get(field, "").strip()[:300] for field in _FIELDS}
    by, reason = request.user.get_username(), parsing.reason(request.POST.get("reason", ""))
    try:
        if reason is None:
            raise ValueError("Say why, in at most 300 characters: whoever finds it so will ask.")
        if request.POST.get("back") != "1":
            limiting.change(name, _limits(typed), by=by, reason=reason)
        elif not limiting.restore(name, by=by, reason=reason):
            messages.info(request, "The limits were those of the code already.")
    except (UnknownProcessor, NotLimited) as error:
        raise Http404(str(error)) from error
    except (RegistrationError, ValueError) as error:
        return one_page(request, name, typed=typed, problem=str(error), status=422)
    return redirect("flowdeck:processor", name)


def _limits(typed: dict[str, str]) -> Limits:
    """Raises ValueError or RegistrationError for what can't be kept."""
    at_once = _number(typed["concurrent"], "In the air at once")
    burst = _number(typed["burst"], "At once after a pause")
    if len(typed["per"]) > 40:
        raise ValueError("Starts are like 10/s, 600/min or 5/2s.")
    return Limits(at_once, typed["per"], burst if burst is not None else 1)


def _number(text: str, label: str) -> int | None:
    if not text or text == "None":
        return None
    number = parsing.number(text, least=1, most=_MOST)
    if number is None:
        raise ValueError(f"{label}: a whole number from 1 to {_MOST:,}, or nothing.")
    return number
