"""The other views of a trace: causal graph, sequence, Mermaid, rank, and two traces compared."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from flowdeck import publish
from flowdeck.dashboard.trace import graph as trace_graph
from flowdeck.dashboard.trace import sequence as trace_sequence
from flowdeck.dashboard.trace.compare import compare
from flowdeck.dashboard.trace.mermaid import sequence_diagram
from flowdeck.dashboard.trace.rank import ranked
from flowdeck.testing import settle
from tests.flowdeck.dashboard.rows import Story, order
from tests.probe.events import Probed


def test_an_effect_stands_right_of_its_cause_and_no_boxes_meet() -> None:
    graph = trace_graph.lay_out(order().trace(), {})
    assert [box.node.row.type for box in graph.boxes] == [
        "OrderCreated",
        "InventoryReserved",
        "PaymentProcessed",
        "OrderConfirmed",
    ]
    for box in graph.boxes:
        if box.node.cause is not None:
            (cause,) = [b for b in graph.boxes if b.node is box.node.cause]
            assert box.x > cause.right
        for other in graph.boxes:
            apart = box.y >= other.y + other.height or other.y >= box.y + box.height
            assert other is box or other.x != box.x or apart


def test_a_delivery_that_emitted_stands_on_the_line_and_the_others_in_the_box() -> None:
    graph = trace_graph.lay_out(order().trace(), {})
    assert [pill.node.processor for pill in graph.pills] == ["inventory", "payment", "confirmation"]
    reserved = graph.boxes[1]
    assert [delivery.processor for delivery in reserved.silent] == ["confirmation"]
    assert [link.kind for link in graph.links].count("join") == 1
    assert [link.kind for link in graph.links].count("path") == 2


def test_a_huge_graph_is_cut_and_says_so() -> None:
    story = Story()
    root = story.event("OrderCreated", 0)
    for n in range(200):
        story.event("Noted", n, root)
    graph = trace_graph.lay_out(story.trace(), {})
    assert (len(graph.boxes), graph.left_out) == (trace_graph.MOST_EVENTS, 81)


def test_the_sequence_goes_down_in_order_with_failed_attempts() -> None:
    drawing = trace_sequence.lay_out(order().trace(), {})
    assert [one.name for one in drawing.participants][:3] == ["shop", "inventory", "payment"]
    assert [(n.attempt.number, n.waits) for n in drawing.notes] == [(1, 1.0), (2, 2.5)]
    named = [message for message in drawing.messages if message.named]
    assert [message.y for message in named] == sorted(message.y for message in named)
    assert drawing.height > max(message.y for message in named)
    assert {span.kind for span in drawing.spans} >= {"b-done", "b-fail", "b-gap"}


def test_mermaid_text_says_the_same_and_nothing_in_it_ends_a_line() -> None:
    text = sequence_diagram(order().trace(), {})
    assert text.startswith("sequenceDiagram\n")
    assert "p0->>p1: OrderCreated" in text
    assert "attempt 2: Timeout, then waits 2.50 s" in text
    story = Story()
    story.event("Bad;end\nnote #1", 0, by="evil; participant x")
    lines = sequence_diagram(story.trace(), {}).splitlines()
    assert len(lines) == 4
    assert not any(mark in line for line in lines for mark in (";", "#"))


def test_two_traces_are_compared_step_by_step() -> None:
    slow, story = order().trace(), Story()
    created = story.event("OrderCreated", 0)
    story.delivery(created, "inventory", (0.03, 0.08))
    story.delivery(created, "payment", (0.03, 0.1))
    story.event("PaymentRefused", 0.1, created, by="payment")
    both = compare(slow, story.trace())
    rows = {row.name: row for row in both.rows}
    assert rows["payment"].difference == pytest.approx(0.07 - 5.37)
    assert rows["payment"].notable
    assert not rows["inventory"].notable
    assert rows["OrderConfirmed"].sides[1] is None
    assert rows["PaymentRefused"].sides[0] is None
    names = [row.name for row in both.rows]
    assert names.index("PaymentRefused") > names.index("payment")


def test_a_rank_counts_those_that_were_faster() -> None:
    rank = ranked("OrderCreated", 3.0, [0.1, 0.2, 0.3, 4.0])
    assert (rank.count, rank.slower_than, rank.median) == (4, 75.0, 0.3)
    assert sum(bar.height > 0 for bar in rank.bars) >= 3
    same = ranked("OrderCreated", 1.0, [1.0, 1.0])
    assert same.slower_than == 0


def trace_of(**payload: Any) -> str:
    receipt = publish(Probed(**payload), stream=f"probe-{payload['n']}")
    settle()
    return str(receipt.correlation_id)


def test_every_view_of_a_trace_is_a_page_of_its_own(operator: Client) -> None:
    name = trace_of(n=1, echoes=1, fails=2, by="probe.batch")
    for view, words in (("graph", "Causal graph: "), ("sequence", "attempt 1 ProbeError")):
        page = operator.get(f"/traces/{name}/?view={view}").content.decode()
        assert words in page
        assert f'data-live-view="trace:{name}?view={view}"' in page
    assert "treeitem" in operator.get(f"/traces/{name}/?view=nonsense").content.decode()
    answer = operator.get(f"/traces/{name}/mermaid/")
    assert answer["Content-Type"].startswith("text/plain")
    assert "Probed" in answer.content.decode()


def test_a_settled_trace_is_ranked_among_its_like(operator: Client) -> None:
    names = [trace_of(n=n) for n in range(7)]
    page = operator.get(f"/traces/{names[0]}/").content.decode()
    assert "Among the 6 newest that began with Probed" in page


def test_comparing_offers_others_and_shows_two(operator: Client, customer: Client) -> None:
    one, two = trace_of(n=1, echoes=1), trace_of(n=2)
    page = operator.get(f"/traces/compare/?a={one}").content.decode()
    assert f"?a={one}&amp;b={two}" in page
    page = operator.get(f"/traces/compare/?a={one}&b={two}").content.decode()
    assert "only left" in page
    assert operator.get(f"/traces/compare/?a={one}&b={uuid4()}").status_code == 404
    assert operator.get("/traces/compare/?a=nonsense").status_code == 404
    assert customer.get(f"/traces/compare/?a={one}&b={two}").status_code == 403
    assert customer.get(f"/traces/{one}/mermaid/").status_code == 404


def test_comparing_costs_the_same_however_long_the_traces_are(
    operator: Client, django_assert_max_num_queries: Any
) -> None:
    one, two = trace_of(n=1), trace_of(n=2, echoes=9)
    with django_assert_max_num_queries(14):
        operator.get(f"/traces/compare/?a={one}&b={two}")
