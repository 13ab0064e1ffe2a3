"""Faults that a learner switches on for their own orders."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_POST

from events import scenarios as demo
from flowdeck.extend import registry, render, requires
from lab import shown
from lab.switched_faults import KINDS, SECONDS, FaultRefused, switch_off, switch_on


@require_GET
@requires("lab.use_lab")
def faults(request: HttpRequest) -> HttpResponse:
    """What can be broken, and what is."""
    return _page(request)


@require_POST
@requires("lab.use_lab")
def switch(request: HttpRequest) -> HttpResponse:
    """Switch one on. 422 with the reason if it makes no sense."""
    amount, seconds = request.POST.get("amount", ""), request.POST.get("seconds", str(SECONDS))
    try:
        switch_on(
            request.user,
            request.POST.get("processor", ""),
            request.POST.get("kind", ""),
            amount=_number(amount) if amount else None,
            seconds=_number(seconds),
        )
    except FaultRefused as error:
        return _page(request, problem=str(error), status=422)
    return redirect("lab:faults")


@require_POST
@requires("lab.use_lab")
def end(request: HttpRequest) -> HttpResponse:
    """Switch one of the own faults off, or all of them."""
    number = request.POST.get("fault", "")
    switch_off(request.user, int(number) if number.isdecimal() and len(number) < 19 else None)
    return redirect("lab:faults")


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > 6:
        raise FaultRefused(f"{text[:20]!r} is not a whole number.")
    return int(text)


def _page(request: HttpRequest, *, status: int = 200, **more: Any) -> HttpResponse:
    if not demo.allowed():
        raise Http404("Faults exist in demo mode only.")
    context = {
        "kinds": KINDS.values(),
        "processors": [p for p in registry.processors.values() if not p.name.startswith("lab.")],
        "seconds": SECONDS,
        **shown.side(request.user),
        **more,
    }
    return render(request, "lab/faults.html", context, status=status)
