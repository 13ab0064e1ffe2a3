"""Django's admin shows the engine's tables; the little it may do goes through the engine.

Nothing here adds, changes or deletes a row. Retry and discard are those of the dead-letter console.
Lists never count millions of rows and search by indexed fields only.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils.functional import cached_property
from django.utils.html import format_html_join

from flowdeck import parsing
from flowdeck.dashboard.shell.once import once
from flowdeck.declare.states import WAITING, DeliveryState
from flowdeck.letters import dead_letters
from flowdeck.models import (
    AlertRule,
    ApiToken,
    Attempt,
    AuditEntry,
    DeadLetter,
    Event,
    ProcessorState,
)
from flowdeck.people import access, tokens
from flowdeck.privacy.masking import masked
from flowdeck.privacy.sealing import gone
from flowdeck.words import counted

_MOST_ROWS = 10_000
_MOST_ATTEMPTS = 50


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Pages over the first 10,000 rows: what lies further is found by search, not by leafing."""

    @cached_property
    def count(self) -> int:
        """Number of rows, 10,000 at most."""
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]
        return rows.values("pk")[:_MOST_ROWS].count()


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows to look at, for whoever :mod:`flowdeck.people.access` lets see them."""

    may_see = "view_log"
    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50
    actions: Any = None

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whether the person may see these rows."""
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the person may see these rows."""
        return bool(access.can(request.user, self.may_see))

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        """The row of this key; None for what no key can be."""
        try:
            return super().get_object(request, object_id.replace("\x00", ""), from_field)
        except OverflowError:  # SQLite's
            return None

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Never: a look-up in an address asks for what is masked as well. Filters do their own."""
        return False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False


@admin.register(Event)
class EventAdmin(ReadOnly):
    """The log, newest first. Search by position, event id, correlation id or stream."""

    list_display = (
        "position",
        "type",
        "version",
        "stream",
        "sequence",
        "correlation_id",
        "recorded_at",
    )
    ordering = ("-position",)
    search_fields = ("=position",)  # shows the box; what is searched is decided below
    search_help_text = "Position, event id, correlation id or stream, whole."
    exclude = ("data",)
    readonly_fields = ("payload",)

    @admin.display(description="data")
    def payload(self, event: Event) -> str:
        """The payload, personal values masked."""
        return json.dumps(
            masked(event.type, event.data, gone([event.data])), indent=2, ensure_ascii=False
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Model], search_term: str
    ) -> tuple[QuerySet[Model], bool]:
        """Rows that the term names exactly; each kind of term has an index of its own."""
        term = search_term.strip()
        if not term:
            return queryset, False
        position = parsing.number(term)
        if position is not None:
            return queryset.filter(position=position), False
        try:
            named = UUID(term)
        except ValueError:
            return queryset.filter(stream=term.replace("\x00", "")), False
        return queryset.filter(id=named) | queryset.filter(correlation_id=named), False


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


@admin.register(ProcessorState)
class ProcessorStateAdmin(ReadOnly):
    """Which processors are paused, by whom and why."""

    may_see = "view_processors"
    list_display = ("name", "paused_at", "paused_by", "pause_reason")


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnly):
    """Tokens of all users: whose, when used, revocable. The token itself is not stored."""

    may_see = "manage_tokens"
    list_display = ("id", "user", "name", "scope", "created_at", "last_used_at", "revoked_at")
    list_select_related = ("user",)
    fields = ("user", "name", "scope", "created_at", "last_used_at", "revoked_at")
    ordering = ("-id",)
    actions = ("revoke",)

    @admin.action(description="Revoke the selected tokens", permissions=["view"])
    def revoke(self, request: HttpRequest, chosen: QuerySet[ApiToken]) -> None:
        """Make them worthless."""
        count = tokens.revoke_all(chosen, by=request.user.get_username())
        self.message_user(request, f"{counted(count, 'token')} revoked.")


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnly):
    """The audit, newest first. Search by who, or by what it was done to, whole."""

    may_see = "view_audit"
    list_display = ("id", "at", "who", "action", "target", "count", "reason", "allowed")
    ordering = ("-id",)
    search_fields = ("=who", "=target")
    search_help_text = "Who, or the target, whole."

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Model], search_term: str
    ) -> tuple[QuerySet[Model], bool]:
        """Entries of one person or target; each has an index of its own."""
        term = search_term.strip().replace("\x00", "")
        if not term:
            return queryset, False
        return queryset.filter(who=term) | queryset.filter(target=term), False


@admin.register(AlertRule)
class AlertRuleAdmin(ReadOnly):
    """Alert rules and what they say now; they are set on the page of alerts."""

    may_see = "view_alerts"
    list_display = ("name", "kind", "processor", "threshold", "value", "firing_since")
    exclude = ("webhook",)
