"""Dead letters in Django's admin: what is dead can be retried or discarded, by the engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils.html import format_html_join

from flowdeck import parsing
from flowdeck.admin.read_only import ReadOnly
from flowdeck.dashboard.shell.once import once
from flowdeck.declare.states import WAITING, DeliveryState
from flowdeck.letters import dead_letters
from flowdeck.models import (
    Attempt,
    DeadLetter,
)
from flowdeck.people import access
from flowdeck.words import counted

_MOST_ATTEMPTS = 50


class ReasonForm(ActionForm):
    """Why; whoever reads the audit log will ask."""

    once = forms.CharField(widget=forms.HiddenInput, initial=uuid4, required=False)
    reason = forms.CharField(max_length=parsing.LONGEST_REASON, required=False, label="Reason")


class StateFilter(admin.SimpleListFilter):
    """The states of which there are never millions, by their partial index."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Dead, retrying and sleeping."""
        return [(state, state) for state in (DeliveryState.DEAD, *WAITING)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Letters in the chosen state."""
        known = [state for state, _ in self.lookup_choices]
        return queryset.filter(state=self.value()) if self.value() in known else queryset


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnly):
    """Dead letters, newest first, also those dealt with; what is dead can be retried, discarded."""

    may_see = "view_dead_letters"
    list_display = ("letter", "processor", "position", "key", "state", "attempts", "finished_at")
    list_filter = (StateFilter,)
    ordering = ("-letter",)
    search_fields = ("=event_id",)
    search_help_text = "Position of the event."
    readonly_fields = ("failures",)
    action_form = ReasonForm
    actions = ("retry_dead", "discard_dead")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Those deliveries that have a number as a dead letter."""
        return super().get_queryset(request).filter(letter__isnull=False)

    @admin.display(ordering="event_id")
    def position(self, letter: DeadLetter) -> int:
        """Position of the event."""
        return letter.event_id

    @admin.display
    def failures(self, letter: DeadLetter) -> str:
        """Its newest failed attempts."""
        found = Attempt.objects.filter(event_id=letter.event_id, processor=letter.processor)
        shown = found.order_by("-number", "-id").defer("traceback")[:_MOST_ATTEMPTS]
        rows = ((one.number, one.error, one.message, one.frame, one.worker) for one in shown)
        return format_html_join("", "<p>{}. {}: {} ({}, {})</p>", rows)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Model], search_term: str
    ) -> tuple[QuerySet[Model], bool]:
        """The letters of one event."""
        term = search_term.strip()
        if not term:
            return queryset, False
        position = parsing.number(term)
        found = queryset.none() if position is None else queryset.filter(event_id=position)
        return found, False

    def has_resolve_permission(self, request: HttpRequest) -> bool:
        """Whether the person may retry and discard."""
        return bool(access.can(request.user, "retry_dead_letters"))

    @admin.action(description="Retry the selected dead letters", permissions=["resolve"])
    def retry_dead(
        self, request: HttpRequest, chosen: QuerySet[DeadLetter]
    ) -> HttpResponseBase | None:
        """Make them due again, by the engine."""
        if not self._were_seen(request):
            return None
        reason = request.POST.get("reason", "").strip()
        return self._resolved(request, chosen, dead_letters.retry, reason, "made due again")

    @admin.action(description="Discard the selected dead letters", permissions=["resolve"])
    def discard_dead(
        self, request: HttpRequest, chosen: QuerySet[DeadLetter]
    ) -> HttpResponseBase | None:
        """Give them up, by the engine; needs a reason."""
        if not self._were_seen(request):
            return None
        reason = parsing.reason(request.POST.get("reason", ""))
        if reason is None:
            self.message_user(
                request, "Say why: a discard needs a reason. Nothing was done.", messages.ERROR
            )
            return None
        return self._resolved(request, chosen, dead_letters.discard, reason, "discarded")

    def _resolved(
        self,
        request: HttpRequest,
        chosen: QuerySet[DeadLetter],
        resolve: Callable[..., int],
        reason: str,
        done: str,
    ) -> HttpResponseBase:
        """The list again, with what became of it; sent twice, it is done once."""

        def act() -> HttpResponseBase:
            letters, by = chosen.values_list("pk", flat=True), request.user.get_username()
            self._tell(request, resolve(letters, by=by, reason=reason), done)
            return HttpResponseRedirect(request.get_full_path())

        return once(request, act)

    def _were_seen(self, request: HttpRequest) -> bool:
        """Whether single letters were chosen: "select all" takes in what came since."""
        if request.POST.get("select_across") != "1":
            return True
        self.message_user(
            request,
            "Nothing was done: some of all that fit may never have been on this page. Choose "
            "letters here, or use the console, which counts them first.",
            messages.ERROR,
        )
        return False

    def _tell(self, request: HttpRequest, count: int, done: str) -> None:
        self.message_user(
            request,
            f"{counted(count, 'dead letter')} {done}."
            if count
            else "None of them is dead (any more), so nothing was done.",
            messages.SUCCESS if count else messages.WARNING,
        )
