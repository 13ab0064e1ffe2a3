"""What the page of one trace shows, and the reader's choices as part of its address."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.urls import reverse

from flowdeck import parsing, spans
from flowdeck.conf import conf
from flowdeck.dashboard.shared.retried import retry_told
from flowdeck.dashboard.shared.stack import Group, groups_of
from flowdeck.dashboard.shared.waits import Tried, rounds_told, with_waits
from flowdeck.dashboard.shell.records import Record, record_of
from flowdeck.dashboard.trace import graph as trace_graph
from flowdeck.dashboard.trace import sequence as trace_sequence
from flowdeck.dashboard.trace.foreign import ForeignNode, foreign_of
from flowdeck.dashboard.trace.hops import WAITS, Hop, hops_of
from flowdeck.dashboard.trace.rank import Rank, rank_of
from flowdeck.dashboard.trace.waterfall import Choice, Row, Waterfall, lay_out
from flowdeck.declare.registry import Processor, registry
from flowdeck.observe.budget import Budget, budget_of
from flowdeck.observe.loading import load_trace
from flowdeck.observe.traces import DeliveryNode, Trace, Try

VIEWS = {"": "Waterfall", "graph": "Causal graph", "sequence": "Sequence"}
_NAME = re.compile(r"[0-9]{1,19}(-[\w.-]{1,64})?")  # of a delivery, or of a letter
_MOST_FOLDED = 20  # the choice has to fit into an address


def parse_choice(query: Mapping[str, str]) -> Choice:
    """From untrusted parameters; what makes no sense is left out."""
    folded = query.get("folded", "").split(",")[:_MOST_FOLDED]
    return Choice(
        idle=query.get("idle") == "1",
        folded=frozenset(name for name in folded if _NAME.fullmatch(name)),
        delivery=_named(query.get("delivery", "")),
        attempt=parsing.number(query.get("attempt", "")),
        view=query.get("view", "") if query.get("view") in VIEWS else "",
    )


def _named(text: str) -> str:
    return text if _NAME.fullmatch(text) else ""


def query_of(choice: Choice) -> str:
    """The choice as URL parameters, always in the same order."""
    named: dict[str, object] = {
        "view": choice.view,
        "idle": "1" if choice.idle else "",
        "folded": ",".join(sorted(choice.folded)[:_MOST_FOLDED]),
        "delivery": choice.delivery,
        "attempt": choice.attempt or "",
    }
    return urlencode({name: value for name, value in named.items() if value})


@dataclass(frozen=True, slots=True)
class SelectedDelivery:
    """What the drawer shows: a delivery and one of its attempts."""

    node: DeliveryNode
    attempt: Try | None
    declared: Processor | None
    stack: list[Group]

    @property
    def tries(self) -> list[Tried]:
        """Its tries with the waits between them."""
        return with_waits(self.node.row, self.node.tries)

    @property
    def counted(self) -> str:
        """How many tries it had, round by round."""
        return rounds_told(self.node.row, self.tries)

    @property
    def told(self) -> str:
        """What became of it since somebody retried it."""
        return retry_told(self.node.row, self.node.state)


@dataclass(frozen=True)
class TracePage:
    """A trace as its page and its live view show it."""

    trace: Trace
    choice: Choice

    @classmethod
    def load(cls, correlation_id: UUID, choice: Choice) -> TracePage | None:
        """Read it; None if there is no such trace."""
        trace = load_trace(correlation_id)
        if trace is None:
            return None
        named = (d.row.name for d in trace.deliveries if str(d.row.letter) == choice.delivery)
        return cls(trace, replace(choice, delivery=next(named, choice.delivery)))

    @property
    def live_view(self) -> str:
        """The name under which it is watched."""
        query = query_of(self.choice)
        return f"trace:{self.trace.correlation_id}" + (f"?{query}" if query else "")

    @property
    def record(self) -> Record:
        """The business record it is about: that of its first event."""
        return record_of(self.trace.roots[0].row.stream)

    @property
    def spans_url(self) -> str:
        """Where its spans are, if the project said so and an event carries a trace of theirs."""
        template = conf().TRACE_URL
        found = (spans.trace_id(one.row.metadata) for one in self.trace.events) if template else ()
        trace_id = next(filter(None, found), "")
        return template.replace("{trace_id}", trace_id) if trace_id else ""

    @cached_property
    def hops(self) -> dict[int, list[Hop]]:
        """What came and goes over connectors, by the positions of its events."""
        return hops_of(self.trace)

    @property
    def goes_out(self) -> bool:
        """Whether some of it has not gone out yet."""
        return any(hop.state == WAITS for hops in self.hops.values() for hop in hops)

    @cached_property
    def foreign(self) -> list[ForeignNode]:
        """Spans of other programs, of the same distributed trace."""
        return foreign_of(self.trace.events)

    @cached_property
    def waterfall(self) -> Waterfall:
        """The drawing."""
        return lay_out(self.trace, self.choice, self.hops, self.foreign)

    @cached_property
    def graph(self) -> trace_graph.Graph:
        """The drawing of causes."""
        return trace_graph.lay_out(self.trace, self.hops)

    @cached_property
    def sequence(self) -> trace_sequence.Drawing:
        """The drawing of who said what to whom."""
        return trace_sequence.lay_out(self.trace, self.hops)

    @cached_property
    def rank(self) -> Rank | None:
        """How it compares with others."""
        return rank_of(self.trace)

    @property
    def tabs(self) -> list[tuple[str, str, bool]]:
        """Address and label of each view, and whether it is shown."""
        return [
            (self.url_with(view=view), label, view == self.choice.view)
            for view, label in VIEWS.items()
        ]

    def delivery_url(self, name: str) -> str:
        """The page with this delivery selected."""
        return self.url_with(delivery=name, attempt=None)

    @cached_property
    def budget(self) -> list[dict[str, Any]]:
        """Parts of the longest path's time, as bars of the header."""
        return list(_bars(budget_of(self.trace)))

    @cached_property
    def selected(self) -> SelectedDelivery | None:
        """What the reader selected, if it is part of the trace."""
        wanted = self.choice.delivery
        node = next((d for d in self.trace.deliveries if d.row.name == wanted), None)
        if node is None:
            return None
        attempt = next((t for t in node.tries if t.number == self.choice.attempt), None)
        if attempt is None:
            attempt = next((t for t in reversed(node.tries) if t.failure), None)
        failure = attempt.failure if attempt else None
        return SelectedDelivery(
            node,
            attempt,
            registry.processors.get(node.processor),
            groups_of(failure.traceback) if failure else [],
        )

    def url_with(self, **changes: Any) -> str:
        """Address of this page with another choice."""
        query = query_of(replace(self.choice, **changes))
        url = reverse("flowdeck:trace", args=[self.trace.correlation_id])
        return f"{url}?{query}" if query else url

    @property
    def close_url(self) -> str:
        """The page without the drawer."""
        return self.url_with(delivery="", attempt=None)

    @property
    def idle_url(self) -> str:
        """The page with idle time shown, or folded again."""
        return self.url_with(idle=not self.choice.idle)

    @property
    def rows(self) -> list[tuple[Row, str, str]]:
        """Rows with the addresses that select them and (un)fold them."""
        return [(row, self._select_url(row), self._fold_url(row)) for row in self.waterfall.rows]

    def _select_url(self, row: Row) -> str:
        if row.delivery is None:
            return ""
        number = row.attempt.number if row.attempt else None
        return self.url_with(delivery=row.delivery.row.name, attempt=number)

    def _fold_url(self, row: Row) -> str:
        if row.delivery is None or row.folded is None:
            return ""
        return self.url_with(folded=self.choice.folded ^ {row.delivery.row.name})


def _bars(budget: Budget) -> Any:
    parts = [
        ("queue", "b1", budget.queue),
        ("working", "b2", budget.working),
        ("failed", "b3", budget.failed),
        ("retry wait", "b4", budget.retry_wait),
    ]
    total = sum(seconds for _, _, seconds in parts) or 1.0
    left = 0.0
    for label, kind, seconds in parts:
        width = 100 * seconds / total
        yield {
            "label": label,
            "kind": kind,
            "seconds": seconds,
            "x": round(left, 2),
            "width": round(max(width - 0.25, 0.0), 2),
        }
        left += width
