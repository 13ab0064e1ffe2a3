"""Redelivery: give one processor chosen past events again, after a dry run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from flowdeck import parsing
from flowdeck.dashboard.shell.page import requires
from flowdeck.dashboard.shell.rendering import render
from flowdeck.declare.registry import registry
from flowdeck.errors import ReplayRefused, UnknownProcessor
from flowdeck.letters import redelivery
from flowdeck.letters.redelivery import MOST, Choice

_FIELDS = ("processor", "type", "correlation", "after", "upto")


@requires("redeliver")
def redeliver(request: HttpRequest) -> HttpResponse:
    """Say which events of which processor; see how many they are; do it by POST, with a reason."""
    given = request.POST if request.method == "POST" else request.GET
    asked = {name: str(given.get(name, "")).strip()[:200] for name in _FIELDS}
    context: dict[str, Any] = {"asked": asked, "most": MOST, "processors": _processors()}
    if not asked["processor"]:
        return render(request, "flowdeck/replay/redeliver.html", context)
    try:
        choice = _choice(asked)
        context["counts"] = counts = redelivery.dry_run(asked["processor"], choice)
        context["total"] = sum(counts.values())
        context["seen"] = redelivery.question(asked["processor"], choice).digest
        if request.method == "POST":
            reason = parsing.reason(str(given.get("reason", "")))
            if reason is None:
                raise ReplayRefused("Say why, in at most 300 characters.")
            run = redelivery.redeliver(
                asked["processor"],
                choice,
                by=request.user.get_username(),
                reason=reason,
                seen=str(given.get("seen", "")),
            )
            return redirect(f"{reverse('flowdeck:replay')}?run={run.pk}")
    except (ReplayRefused, UnknownProcessor) as error:
        context["problem"] = str(error)
        return render(request, "flowdeck/replay/redeliver.html", context, status=422)
    return render(request, "flowdeck/replay/redeliver.html", context)


def _choice(asked: Mapping[str, str]) -> Choice:
    """Raises ReplayRefused for what is no id."""
    try:
        correlation = UUID(asked["correlation"]) if asked["correlation"] else None
    except ValueError:
        raise ReplayRefused(f"{asked['correlation'][:60]!r} is no correlation id.") from None
    return Choice(
        correlation_id=correlation,
        type=asked["type"],
        after=_position(asked["after"]),
        upto=_position(asked["upto"]),
    )


def _position(text: str) -> int | None:
    """Raises ReplayRefused: a bound that is not understood must not leave the choice unbounded."""
    found = parsing.number(text)
    if text and found is None:
        raise ReplayRefused(f"{text[:60]!r} is no position.")
    return found


def _processors() -> list[str]:
    return [name for name, one in sorted(registry.processors.items()) if not one.replayable]
