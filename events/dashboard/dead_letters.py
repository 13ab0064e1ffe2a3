"""The dead-letter console: what failed, why, and how much; retrying and discarding it safely."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Max
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from events import bulk, dead_letters
from events.access import can
from events.dashboard.letter_detail import letter_of
from events.dashboard.page import requires
from events.dead_letter_groups import BY, behind, groups, set_status, totals
from events.dead_letters import Criteria
from events.models import BulkAction, DeadLetterGroup, Delivery

PAGE = 50
_MOST_IDS = 500
_HOLD_HOURS = (1, 8, 24, 168)


@requires("view_dead_letters")
def console(request: HttpRequest) -> HttpResponse:
    """Groups, largest first, and the letters of the one that the address names."""
    return render(request, "events/dead_letters/page.html", context_of(request))


@requires("view_dead_letters")
def letter(request: HttpRequest, number: int) -> HttpResponse:
    """One letter: as a drawer for htmx, else beside the console."""
    found = get_object_or_404(Delivery.objects.select_related("event"), pk=number)
    detail = letter_of(found, request.user)
    if getattr(request, "htmx", None):
        return render(
            request, "events/dead_letters/_letter.html", {"detail": detail, **_may(request)}
        )
    context = context_of(request) | {"detail": detail}
    return render(request, "events/dead_letters/page.html", context)


@require_POST
@requires("resolve_dead_letters")
def resolve(request: HttpRequest) -> HttpResponse:
    """Retry or discard: one letter, those chosen, or all that fit. Asks before it does more."""
    action, criteria = request.POST.get("action", ""), _criteria(request.POST)
    reason = request.POST.get("reason", "").strip()[:300]
    if action not in ("retry", "discard") or not criteria:
        messages.warning(request, "Choose at least one letter first. Nothing was done.")
        return _back(request)
    count = criteria.letters().order_by().count()
    if len(criteria.ids) == 1 and action == "retry":
        return _retried(request, criteria.ids[0], reason)
    if request.POST.get("confirmed") != str(count) or (action == "discard" and not reason):
        return _asks(request, action, criteria, count, reason)
    row = bulk.ask(
        action, criteria, by=request.user.get_username(), reason=reason,
        graduated=request.POST.get("graduated") == "on",
        delay=bulk.UNDO_SECONDS if action == "discard" else 0.0,
    )  # fmt: skip
    if action == "discard":
        messages.info(request, f"{row.total} will be discarded in {bulk.UNDO_SECONDS:.0f} s.")
    return _back(request)


@require_POST
@requires("resolve_dead_letters")
def cancel(request: HttpRequest, number: int) -> HttpResponse:
    """Stop a bulk action where it is."""
    if not bulk.cancel(number, by=request.user.get_username()):
        messages.warning(request, "It had ended already, so there was nothing to stop.")
    return _back(request)


@require_POST
@requires("resolve_dead_letters")
def status(request: HttpRequest, fingerprint: str) -> HttpResponse:
    """Acknowledge a group, put it on hold, or open it again."""
    hours = request.POST.get("hours", "")
    try:
        set_status(
            fingerprint, request.POST.get("status", ""), by=request.user.get_username(),
            note=request.POST.get("note", "").replace("\x00", "").strip(),
            hours=int(hours) if hours.isascii() and hours.isdigit() and len(hours) < 5 else None,
        )  # fmt: skip
    except ValueError as error:
        raise Http404("There is no such status.") from error
    return _back(request)


def context_of(request: HttpRequest) -> dict[str, Any]:
    """What the page shows, from its address."""
    by = request.GET.get("by", "error")
    by = by if by in BY else "error"
    criteria = _criteria(request.GET)
    context: dict[str, Any] = {
        "by": by,
        "ways": BY,
        "criteria": criteria,
        "query": _query(criteria, by),
        "groups": groups(by),
        "totals": totals(),
        "bulk_actions": recent(),
        "hold_hours": _HOLD_HOURS,
        "statuses": DeadLetterGroup.Status,
        **_may(request),
    }
    if criteria:
        after = request.GET.get("after", "")
        first = int(after) if after.isascii() and after.isdigit() and len(after) < 19 else 0
        found = list(criteria.letters().filter(id__gt=first).select_related("event")[: PAGE + 1])
        shown = found[:PAGE]
        waiting = behind(shown)
        context |= {
            "letters": [(one, waiting.get(one.pk, 0)) for one in shown],
            "chosen": criteria.letters().order_by().count(),
            "next": shown[-1].pk if len(found) > PAGE else None,
        }
    return context


def recent() -> list[BulkAction]:
    """Bulk actions under way, and the last few that ended."""
    rows = list(BulkAction.objects.filter(state=BulkAction.State.RUNNING).order_by("-id")[:10])
    newest = BulkAction.objects.aggregate(newest=Max("id"))["newest"] or 0
    rows += (
        BulkAction.objects.exclude(state=BulkAction.State.RUNNING)
        .filter(id__gt=newest - 20)
        .order_by("-id")[:3]
    )
    return rows


def _retried(request: HttpRequest, number: int, reason: str) -> HttpResponse:
    if not dead_letters.retry([number], by=request.user.get_username(), reason=reason):
        found = Delivery.objects.filter(pk=number).first()
        now = found.get_state_display() if found else "gone"
        messages.warning(
            request, f"Somebody was faster: this letter is {now} now. Nothing was done."
        )
    return _back(request)


def _asks(
    request: HttpRequest, action: str, criteria: Criteria, count: int, reason: str
) -> HttpResponse:
    """The question before more than one letter is touched, with the exact count."""
    repeated = "confirmed" in request.POST
    context = context_of(request) | {
        "asked": {
            "action": action, "criteria": criteria, "count": count, "reason": reason,
            "waiting": totals(criteria).waiting, "graduated": bulk.GRADUATED,
            "problem": _problem(request, action, count, reason) if repeated else "",
        }
    }  # fmt: skip
    return render(
        request, "events/dead_letters/page.html", context, status=422 if repeated else 200
    )


def _problem(request: HttpRequest, action: str, count: int, reason: str) -> str:
    if action == "discard" and not reason:
        return "Say why: whoever looks for these orders later will ask."
    return f"Meanwhile it is {count}, not {request.POST.get('confirmed', '')[:10]}. Look again."


def _criteria(query: QueryDict) -> Criteria:
    ids = [text for text in query.getlist("letter") if text.isascii() and text.isdigit()]
    chosen = {name: query.get(name, "") for name in ("fingerprint", "processor", "type", "stream")}
    return Criteria.parse({**chosen, "ids": [t for t in ids if len(t) < 19][:_MOST_IDS]})


def _query(criteria: Criteria, by: str) -> str:
    query = QueryDict(mutable=True)
    query.update({name: value for name, value in criteria.as_dict().items() if name != "ids"})
    if by != "error":
        query["by"] = by
    return query.urlencode()


def _back(request: HttpRequest) -> HttpResponse:
    query = request.POST.get("back", "")
    safe = QueryDict(query[:600]).urlencode() if "\x00" not in query else ""
    url = reverse("events:dead_letters")
    return redirect(f"{url}?{safe}" if safe else url)


def _may(request: HttpRequest) -> dict[str, Any]:
    return {"may_resolve": can(request.user, "resolve_dead_letters")}
