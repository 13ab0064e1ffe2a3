"""The log, paused processors, tokens, the audit and alert rules, to look at."""

from __future__ import annotations

import json
from uuid import UUID

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from flowdeck import parsing
from flowdeck.admin.read_only import ReadOnly
from flowdeck.models import (
    AlertRule,
    ApiToken,
    AuditEntry,
    Event,
    ProcessorState,
)
from flowdeck.people import tokens
from flowdeck.privacy.masking import masked
from flowdeck.privacy.sealing import gone
from flowdeck.words import counted


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
    exclude = ("webhook", "routing_key")
