"""Traces, live: one while it is under way, and the list of the newest."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Max
from django.http import QueryDict

from flowdeck.connect import foreign_spans
from flowdeck.dashboard.shell.rendering import render_to_string
from flowdeck.dashboard.trace.filter import TraceFilter
from flowdeck.dashboard.trace.foreign import trace_ids_of
from flowdeck.dashboard.trace.page import TracePage, parse_choice, query_of
from flowdeck.dashboard.trace.recent import TraceRow, filtered_traces, recent_traces
from flowdeck.live import Changes, Fragment, LiveView, Refusal
from flowdeck.models import Event
from flowdeck.people.access import can_see_trace


class TraceView(LiveView):
    """``trace:<correlation id>``, with the reader's choices after a ``?`` as in the address."""

    def __init__(self, user: Any, argument: str) -> None:
        super().__init__(user, argument)
        self._correlation_id, query = _parsed(argument)
        self._choice = parse_choice(QueryDict(query))
        self._last = 0
        self._under_way = True
        self._spans: dict[str, int] = {}

    @classmethod
    def canonical(cls, argument: str) -> str | None:
        """The id as it is written, and the choices in their order."""
        try:
            correlation_id, query = _parsed(argument)
        except ValueError:
            return argument  # is refused
        chosen = query_of(parse_choice(QueryDict(query)))
        return f"{correlation_id}?{chosen}" if chosen else str(correlation_id)

    @classmethod
    def allowed(cls, user: Any, argument: str) -> Refusal | None:
        """Whoever may see the trace."""
        try:
            correlation_id, _ = _parsed(argument)
        except ValueError:
            return Refusal("There is no such trace.")
        decision = can_see_trace(user, correlation_id)
        return None if decision else Refusal(decision.reason)

    def regions(self) -> Sequence[Fragment]:
        """Header, the chosen view, drawer and rank."""
        page = TracePage.load(self._correlation_id, self._choice)
        if page is None:
            return []
        self._spans = _newest(trace_ids_of(page.trace.events))
        self._last = max(event.row.position for event in page.trace.events)
        self._under_way = page.trace.under_way or page.trace.to_come or page.goes_out
        return [
            Fragment(
                f"trace-{part}",
                render_to_string(f"flowdeck/traces/_{part}.html", {"page": page, "oob": True}),
            )
            for part in ("head", "view", "drawer", "rank")
        ]

    def patch(self, changes: Changes) -> Sequence[Fragment]:
        """All regions again, if the trace was touched; those that are as before are not sent."""
        if changes.unknown or self._correlation_id in changes.correlations:
            return self.regions()
        return []

    @classmethod
    def stale(cls, views: Sequence[LiveView]) -> Iterable[LiveView]:
        """Those under way, and those that got events or spans since: two queries for all."""
        watched = [view for view in views if isinstance(view, TraceView)]
        last = dict(
            Event.objects.filter(correlation_id__in={v._correlation_id for v in watched})
            .values_list("correlation_id")
            .annotate(last=Max("position"))
            .order_by()
        )
        spans = _newest({name for view in watched for name in view._spans})
        return [
            v
            for v in watched
            if v._under_way
            or last.get(v._correlation_id, 0) > v._last
            or any(spans.get(name) != newest for name, newest in v._spans.items())
        ]


class TracesView(LiveView):
    """``traces``: the list of the newest, or ``traces:`` and a filter: of those that fit. What no
    message names is not read again, since of a long trace everything is counted; those that fit are
    told by their rows, which are a second behind.
    """

    permission = "view_log"
    interval = 0.5

    def __init__(self, user: Any, argument: str) -> None:
        super().__init__(user, argument)
        self._rows: dict[UUID, TraceRow] = {}
        self._wanted = TraceFilter.parse(QueryDict(argument))

    @classmethod
    def canonical(cls, argument: str) -> str | None:
        """The filter in its order; None for what is no first page of the newest."""
        wanted = TraceFilter.parse(QueryDict(argument))
        return wanted.query if wanted.live_view and not wanted.problems else None

    def regions(self) -> Sequence[Fragment]:
        """All rows."""
        return self._rendered({})

    def patch(self, changes: Changes) -> Sequence[Fragment]:
        """The rows, those of touched traces read afresh; all of them if it is not known which."""
        touched = changes.correlations
        if changes.unknown or touched.many or not touched:
            return self.regions()
        return self._rendered(
            {name: row for name, row in self._rows.items() if name not in touched}
        )

    def _rendered(self, known: Mapping[UUID, TraceRow]) -> Sequence[Fragment]:
        wanted = self._wanted
        page = recent_traces(known=known) if wanted.plain else filtered_traces(wanted, known)
        self._rows = {row.trace.correlation_id: row for row in page.rows}
        return [
            Fragment(
                "trace-rows", render_to_string("flowdeck/traces/_live_rows.html", {"page": page})
            )
        ]


def _newest(trace_ids: Collection[str]) -> dict[str, int]:
    """The newest span of each distributed trace, 0 for those that have none; nothing if off."""
    if not foreign_spans.is_on():
        return {}
    return dict.fromkeys(trace_ids, 0) | foreign_spans.newest_of(trace_ids)


def _parsed(argument: str) -> tuple[UUID, str]:
    text, _, query = argument.partition("?")
    return UUID(text), query
