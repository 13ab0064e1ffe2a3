"""Repair: the payload of a dead letter edited, what would then happen, and confirming it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from flowdeck import parsing
from flowdeck.dashboard.catalog.schema_fields import fields_of
from flowdeck.dashboard.shell.once import wants_part
from flowdeck.dashboard.shell.page import requires
from flowdeck.dashboard.shell.rendering import render
from flowdeck.declare.registry import registry
from flowdeck.models import Delivery
from flowdeck.privacy.masking import is_personal
from flowdeck.repair import asking
from flowdeck.repair.asking import Proposal
from flowdeck.repair.proof import Letter, NoRepair, letter, meant, payload_of

_FIELD = "field:"
_LONG = 60  # letters that fit into a line
_SAY_WHY = "Say why, in at most 300 characters: it is kept with the correction."


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the payload as it can be edited; a personal one is not shown, only replaced."""

    name: str
    words: str
    was: str
    text: str
    personal: bool
    fixed: bool

    @property
    def changed(self) -> bool:
        """Whether another value is proposed."""
        return self.text != self.was

    @property
    def long(self) -> bool:
        """Whether it needs more than a line."""
        return len(self.text) > _LONG or "\n" in self.text or self.text[:1] in ("[", "{")


@requires("repair_dead_letters")
def repair(request: HttpRequest, number: int) -> HttpResponse:
    """The form, and with ``?proof=`` what a worker says of a proposal; of htmx only the latter."""
    if request.method == "POST":
        return _propose(request, number)
    wanted = parsing.number(request.GET.get("proof", ""))
    proposal = asking.look(wanted) if wanted is not None else None
    if wanted is not None and (proposal is None or proposal.row.letter != number):
        raise Http404(f"There is no repair {wanted} of this letter.")
    if wants_part(request) and proposal is not None:
        context = {"proposal": proposal, "number": number}
        return render(request, "flowdeck/dead_letters/_proof.html", context)
    return _page(request, number, proposal)


@require_POST
@requires("repair_dead_letters")
def confirm_repair(request: HttpRequest, number: int, proof: int) -> HttpResponse:
    """Write the correction and retry the letter; then its page says what becomes of it."""
    proposal = asking.look(proof)
    if proposal is None or proposal.row.letter != number:
        raise Http404(f"There is no repair {proof} of this letter.")
    reason = parsing.reason(request.POST.get("reason", ""))
    if reason is None:
        return _page(request, number, proposal, problem=_SAY_WHY, status=422)
    by, unproved = request.user.get_username(), request.POST.get("unproved") == "on"
    try:
        asking.carry_out(proof, by=by, reason=reason, unproved=unproved)
    except NoRepair as error:
        return _page(request, number, proposal, problem=str(error), reason=reason, status=422)
    return redirect("flowdeck:letter", number)


def _propose(request: HttpRequest, number: int) -> HttpResponse:
    try:
        now = payload_of(letter(number))
        given = _given(now, request.POST.dict())
        if not given:
            raise NoRepair("Change a field first.")
        row = asking.ask(number, given, by=request.user.get_username())
    except NoRepair as error:
        return _page(request, number, None, wrong=str(error), typed=request.POST.dict(), status=422)
    return redirect(f"{reverse('flowdeck:repair', args=[number])}?proof={row.pk}")


def _page(
    request: HttpRequest,
    number: int,
    proposal: Proposal | None,
    *,
    typed: Mapping[str, str] | None = None,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    row = get_object_or_404(Delivery.objects.select_related("event"), letter=number)
    context = {"letter": row, "proposal": proposal, "number": number, **more}
    try:
        found = letter(number)
        context |= {
            "fields": _fields(found, payload_of(found), proposal, typed or {}),
            "waiting": len(found.behind) + found.more,
            "version": registry.event_type(found.event.type).version,
        }
    except NoRepair as error:
        context["over"] = str(error)
    return render(request, "flowdeck/dead_letters/repair.html", context, status=status)


def _fields(
    found: Letter, now: Mapping[str, Any], proposal: Proposal | None, typed: Mapping[str, str]
) -> list[Field]:
    declared = registry.event_type(found.event.type)
    words = {one.path: one.type for one in fields_of(declared.cls.model_json_schema())}
    proposed = proposal.payload if proposal is not None else now
    fields = []
    for name in dict.fromkeys((*now, *declared.cls.model_fields)):
        personal = is_personal(name)
        was = "" if personal else _text(now.get(name), name in now)
        text = "" if personal else _text(proposed.get(name), name in proposed)
        text = typed.get(_FIELD + name, text)
        fixed = name == declared.key_field
        fields.append(Field(name, words.get(name, "unknown"), was, text, personal, fixed))
    return fields


def _given(now: Mapping[str, Any], typed: Mapping[str, str]) -> dict[str, Any]:
    """What was typed otherwise than it was shown; text stays text where it was."""
    given: dict[str, Any] = {}
    for key, raw in typed.items():
        name, text = key.removeprefix(_FIELD), raw.replace("\r\n", "\n")
        if not key.startswith(_FIELD):
            continue
        shown = "" if is_personal(name) else _text(now.get(name), name in now)
        if text != shown:
            given[name] = meant(text, now.get(name))
    return given


def _text(value: Any, there: bool) -> str:
    if not there:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
