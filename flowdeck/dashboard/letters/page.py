"""The dead-letter console: what failed, why, and how much; retrying and discarding it safely."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST

from flowdeck import parsing
from flowdeck.dashboard.letters.address import Console, criteria_of
from flowdeck.dashboard.letters.console import context_of
from flowdeck.dashboard.letters.detail import letter_of
from flowdeck.dashboard.letters.finder import letter_named
from flowdeck.dashboard.shell.once import wants_part
from flowdeck.dashboard.shell.page import requires
from flowdeck.dashboard.shell.rendering import render
from flowdeck.errors import OtherLetters
from flowdeck.letters import bulk, dead_letters
from flowdeck.letters.dead_letters import Criteria
from flowdeck.letters.groups import set_status
from flowdeck.letters.held_back import held_back
from flowdeck.letters.question import Question
from flowdeck.models import Delivery, Stream
from flowdeck.people.access import can
from flowdeck.transfer.as_test import NoTest, as_test
from flowdeck.words import counted

_HOLD_HOURS = (1, 8, 24, 168)
_RATES = (1, 10, 100)


@requires("view_dead_letters")
def console(request: HttpRequest) -> HttpResponse:
    """Groups, largest first, and the letters of what the address chooses."""
    found = _named_by(request.GET.get("search", "").strip())
    if found:
        return redirect(found)
    return _page(request)


@requires("view_dead_letters")
def letter(request: HttpRequest, number: int) -> HttpResponse:
    """One letter: as a drawer for htmx, else beside the console."""
    found = get_object_or_404(Delivery.objects.select_related("event"), letter=number)
    detail = letter_of(found, request.user)
    if wants_part(request):
        context = {"detail": detail, "address": Console.parse(request.GET).query, **_may(request)}
        return render(request, "flowdeck/dead_letters/_letter.html", context)
    return _page(request, opened=number, detail=detail)


@requires("view_dead_letters")
def letter_test(request: HttpRequest, number: int) -> HttpResponse:
    """The letter as a test that fails as it did, as a file; or why there can be none."""
    found = get_object_or_404(Delivery.objects.select_related("event"), letter=number)
    try:
        made = as_test(found)
    except NoTest as error:
        messages.info(request, str(error))
        return redirect("flowdeck:letter", number)
    return HttpResponse(
        made.text,
        content_type="text/x-python; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{made.file}"'},
    )


@require_POST
@requires("retry_dead_letters")
def resolve(request: HttpRequest) -> HttpResponse:
    """Retry or discard: one letter, those chosen, or all that fit. Asks before it does more."""
    action, criteria = request.POST.get("action", ""), _chosen(request)
    reason = parsing.reason(request.POST.get("reason", ""), needed=False)
    if action not in ("retry", "discard") or not criteria:
        messages.warning(request, "Choose at least one letter first. Nothing was done.")
        return _back(request)
    if reason is None:
        messages.warning(request, "Say why in at most 300 characters. Nothing was done.")
        return _back(request)
    if len(criteria.ids) == 1 and action == "retry":
        return _retried(request, criteria.ids[0], reason)
    if "confirmed" not in request.POST or (action == "discard" and not reason):
        return _asks(request, action, criteria, reason)
    rate = request.POST.get("per_second", "")
    try:
        row = bulk.ask(
            action,
            criteria,
            by=request.user.get_username(),
            reason=reason,
            graduated=request.POST.get("graduated") == "on",
            per_second=int(rate) if rate in map(str, _RATES) else None,
            delay=bulk.UNDO_SECONDS if action == "discard" else 0.0,
            seen=request.POST["confirmed"],
        )
    except OtherLetters:
        return _asks(request, action, criteria, reason)
    if action == "discard":
        messages.info(
            request,
            f"{counted(row.total, 'letter')} will be discarded in {bulk.UNDO_SECONDS:.0f} s.",
        )
    return _back(request)


@require_POST
@requires("retry_dead_letters")
def cancel(request: HttpRequest, number: int) -> HttpResponse:
    """Stop a bulk action where it is."""
    if not bulk.cancel(number, by=request.user.get_username()):
        messages.warning(request, "It had ended already, so there was nothing to stop.")
    return _back(request)


@require_POST
@requires("retry_dead_letters")
def status(request: HttpRequest, fingerprint: str) -> HttpResponse:
    """Acknowledge a group, put it on hold, or open it again."""
    try:
        set_status(
            fingerprint,
            request.POST.get("status", ""),
            by=request.user.get_username(),
            note=request.POST.get("note", "").replace("\x00", "").strip(),
            hours=parsing.number(request.POST.get("hours", ""), most=9_999),
        )
    except ValueError as error:
        raise Http404("There is no such status.") from error
    return _back(request)


def _page(
    request: HttpRequest, code: int = 200, *, opened: int | None = None, **more: Any
) -> HttpResponse:
    query = QueryDict(_back_query(request)) if request.method == "POST" else request.GET
    context = context_of(Console.parse(query), query.get("after", ""), opened)
    context |= {"said_of": query.get("say", ""), "hold_hours": _HOLD_HOURS}
    context |= {**_may(request), **more}
    return render(request, "flowdeck/dead_letters/page.html", context, status=code)


def _named_by(text: str) -> str:
    """The address of what a search names whole: a letter by its number, a stream by its name."""
    if (letter := letter_named(text)) is not None:
        return reverse("flowdeck:letter", args=[letter.letter])
    if (
        0 < len(text) <= 200
        and text.isprintable()
        and Stream.objects.filter(pk=text, head__gt=0).exists()
    ):
        return f"{reverse('flowdeck:dead_letters')}?{urlencode({'stream': text})}"
    return ""


def _retried(request: HttpRequest, number: int, reason: str) -> HttpResponse:
    """Retry one, and go where its failure was read: there it is told what becomes of it."""
    done = dead_letters.retry([number], by=request.user.get_username(), reason=reason)
    letter = Delivery.objects.select_related("event").filter(letter=number).first()
    if not done:
        now = letter.get_state_display() if letter else "gone"
        messages.warning(
            request, f"Somebody was faster: this letter is {now} now. Nothing was done."
        )
    if letter is None:
        return _back(request)
    if request.POST.get("from") == "trace":
        url = reverse("flowdeck:trace", args=[letter.event.correlation_id])
        return redirect(f"{url}?delivery={letter.name}")
    if request.POST.get("from") == "event":
        return redirect("flowdeck:event", letter.event_id)
    url, query = reverse("flowdeck:letter", args=[number]), _back_query(request)
    return redirect(f"{url}?{query}" if query else url)


def _asks(request: HttpRequest, action: str, criteria: Criteria, reason: str) -> HttpResponse:
    """The question before more than one letter is touched, with the exact count."""
    repeated = "confirmed" in request.POST
    question = Question.about(criteria.letters(), "letter")
    asked = {
        "action": action,
        "criteria": criteria,
        "count": question.count,
        "seen": question.digest,
        "reason": reason,
        "waiting": held_back().all.waiting,
        "graduated": bulk.GRADUATED,
        "rates": _RATES,
        "step_by_step": "plain" not in request.POST,
        "problem": _problem(request, action, question, reason) if repeated else "",
    }
    return _page(request, 422 if repeated else 200, asked=asked)


def _problem(request: HttpRequest, action: str, question: Question, reason: str) -> str:
    if request.POST["confirmed"] == question.digest and action == "discard" and not reason:
        return "Say why: whoever looks for it later will ask."
    return f"Meanwhile it is other letters: {question.count:,} now. Look again."


def _chosen(request: HttpRequest) -> Criteria:
    # A button of a group names it in the address it is sent to.
    return criteria_of(request.POST) or criteria_of(request.GET)


def _back(request: HttpRequest) -> HttpResponse:
    url, query = reverse("flowdeck:dead_letters"), _back_query(request)
    return redirect(f"{url}?{query}" if query else url)


def _back_query(request: HttpRequest) -> str:
    query = request.POST.get("back", "")
    return QueryDict(query[:600]).urlencode() if "\x00" not in query else ""


def _may(request: HttpRequest) -> dict[str, Any]:
    return {
        "may_resolve": can(request.user, "retry_dead_letters"),
        "may_repair": can(request.user, "repair_dead_letters"),
    }
