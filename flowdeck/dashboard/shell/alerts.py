"""Alerts: what fires, and the rules; setting, muting and deleting them."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from flowdeck import parsing
from flowdeck.alerts import past, ready, rules, tell
from flowdeck.dashboard.shell.navigation import Count, Notice
from flowdeck.dashboard.shell.page import requires
from flowdeck.dashboard.shell.rendering import render
from flowdeck.declare.registry import registry
from flowdeck.models import AlertRule
from flowdeck.people.access import can

_FIELDS = (
    *("name", "kind", "processor", "threshold", "hold_seconds"),
    *("first_type", "then_type", "minutes", "mail_to", "webhook", "form", "routing_key"),
)
_OF_ADMINS = ("webhook", "form", "routing_key")
_MUTES = (1, 8, 24)


@requires("view_alerts")
def alerts(request: HttpRequest) -> HttpResponse:
    """All rules with what they say now, what has fired, and rules that are ready to be set.

    ``?edit=<number>`` opens one, ``?edit=new`` a new one; ``?delete=`` asks before one is deleted,
    and ``?rule=`` shows when it fired.
    """
    return _page(request, request.GET.get("edit", ""))


@require_POST
@requires("manage_alerts")
def save(request: HttpRequest) -> HttpResponse:
    """Set a rule. Only who may set webhooks can change a webhook; for others it stays as it is."""
    edited = request.POST.get("number", "")
    rule = _known(parsing.number(edited)) if edited else None
    wanted = {name: request.POST.get(name, "") for name in _FIELDS}
    if not can(request.user, "set_webhook"):
        wanted |= {name: getattr(rule, name) if rule else "" for name in _OF_ADMINS}
    by = request.user.get_username()
    try:
        rules.save(rule.pk if rule else None, wanted, by=by)
    except rules.RuleRefused as error:
        return _page(request, edited or "new", wanted=wanted, problem=str(error))
    return redirect("flowdeck:alerts")


@require_POST
@requires("manage_alerts")
def mute(request: HttpRequest, number: int) -> HttpResponse:
    """Tell nobody for ``hours``; 0 ends it."""
    hours = request.POST.get("hours", "")
    _known(number)
    if hours not in map(str, (0, *_MUTES)):
        raise Http404("A rule is muted for 1, 8 or 24 hours.")
    rules.mute(number, int(hours), by=request.user.get_username())
    return redirect("flowdeck:alerts")


@require_POST
@requires("manage_alerts")
def test(request: HttpRequest, number: int) -> HttpResponse:
    """Send a message that is marked as a test, and show what becomes of it."""
    _known(number)
    try:
        position = rules.test(number, by=request.user.get_username())
    except rules.RuleRefused as error:
        messages.error(request, str(error))
        return redirect("flowdeck:alerts")
    if not can(request.user, "view_log"):
        messages.info(request, "A test is on its way.")
        return redirect("flowdeck:alerts")
    return redirect("flowdeck:event", position)


@require_POST
@requires("manage_alerts")
def delete(request: HttpRequest, number: int) -> HttpResponse:
    """Forget a rule."""
    rule = _known(number)
    rules.delete(number, by=request.user.get_username())
    messages.info(request, f"The rule {rule.name} is deleted.")
    return redirect("flowdeck:alerts")


def context_of(user: Any) -> dict[str, Any]:
    """The rules, those that fire first."""
    listed = sorted(AlertRule.objects.all(), key=lambda rule: (rule.state != "firing", rule.name))
    return {
        "rules": [(rule, rules.said(rule)) for rule in listed],
        "firing": sum(rule.state == "firing" for rule in listed),
        "may_manage": can(user, "manage_alerts"),
        "may_set_webhook": can(user, "set_webhook"),
        "mutes": _MUTES,
    }


def notices(user: Any) -> list[Notice]:
    """What fires and is not muted, for every page of who may see it."""
    if not can(user, "view_alerts"):
        return []
    return [
        Notice(
            f"{rule.name}: {rule.value:g} {rule.get_kind_display()}",
            reverse("flowdeck:alerts"),
            since=rule.firing_since,
            icon="bell",
        )
        for rule in _firing(user)[:3]
        if not rule.is_muted
    ]


def count(user: Any) -> Count | None:
    """How many fire."""
    firing = _firing(user)
    return Count(str(len(firing)), alert=True) if firing else None


def _firing(user: Any) -> list[AlertRule]:
    """Asked twice for each page, read once per request."""
    known: list[AlertRule] | None = getattr(user, "_flowdeck_firing", None)
    if known is None:
        firing = AlertRule.objects.filter(firing_since__isnull=False)
        known = user._flowdeck_firing = list(firing.order_by("-firing_since"))
    return known


def _page(
    request: HttpRequest, edited: str, wanted: dict[str, str] | None = None, problem: str = ""
) -> HttpResponse:
    context = context_of(request.user)
    may_edit = bool(context["may_manage"])
    rule = None
    if edited and edited != "new":
        rule = _known(parsing.number(edited))
    deleted, shown = (parsing.number(request.GET.get(name, "")) for name in ("delete", "rule"))
    asked = _known(deleted) if deleted is not None and may_edit else None
    of_rule = _known(shown) if shown is not None else None
    fields = {name: getattr(rule, name) for name in _FIELDS} if rule else _NEW
    context |= {
        "edits": bool(edited) and may_edit,
        "edited": rule,
        "fields": wanted or fields,
        "problem": problem,
        "asked": asked,
        "asked_said": rules.said(asked) if asked else "",
        "of_rule": of_rule,
        "fired": past.firings(shown),
        "ready": ready.left(),
        "kinds": AlertRule.Kind.choices,
        "forms": AlertRule.Form.choices,
        "processors": sorted(registry.processors),
        "types": sorted(registry.event_types),
        "secret": tell.secret(rule.pk) if rule and context["may_set_webhook"] else "",
    }
    return render(request, "flowdeck/alerts/page.html", context, status=422 if problem else 200)


_NEW: dict[str, Any] = {"kind": AlertRule.Kind.DEAD, "threshold": 1, "hold_seconds": 0}


def _known(number: int | None) -> AlertRule:
    return get_object_or_404(AlertRule, pk=number)
