"""From rows to a tree of causes: tries, waits, joins, the longest path and what it cost."""

from __future__ import annotations

import pytest

from flowdeck.observe.budget import budget_of
from tests.flowdeck.dashboard.rows import Story, at, order


def test_events_hang_under_the_delivery_that_emitted_them() -> None:
    trace = order().trace()
    (root,) = trace.roots
    assert [d.processor for d in root.deliveries] == ["inventory", "payment"]
    inventory, payment = root.deliveries
    assert [e.row.type for e in inventory.emitted] == ["InventoryReserved"]
    assert [e.row.type for e in payment.emitted] == ["PaymentProcessed"]
    assert [e.row.type for e in root.effects] == ["InventoryReserved", "PaymentProcessed"]


def test_a_join_hangs_once_and_names_its_other_cause() -> None:
    trace = order().trace()
    confirmed = trace.events[-1]
    assert confirmed.cause is not None
    assert confirmed.cause.row.type == "PaymentProcessed"
    assert [other.row.type for other in confirmed.other_causes] == ["InventoryReserved"]
    shown = [e for d in trace.deliveries for e in d.emitted if e is confirmed]
    assert len(shown) == 1


def test_figures_of_a_whole_trace() -> None:
    trace = order().trace()
    assert (trace.hops, len(trace.events), len(trace.deliveries)) == (2, 4, 4)
    assert (trace.attempts, trace.retries) == (6, 2)
    assert trace.outcome == "done"
    assert not trace.under_way
    assert trace.seconds == pytest.approx(5.475)


def test_the_time_of_the_longest_path_adds_up_to_the_duration() -> None:
    trace = order().trace()
    budget = budget_of(trace)
    assert budget.failed == pytest.approx(0.97 + 0.5)
    assert budget.retry_wait == pytest.approx(1.0 + 2.5)
    assert budget.queue == pytest.approx(0.03 + 0.04)
    total = budget.queue + budget.working + budget.failed + budget.retry_wait
    assert total == pytest.approx(trace.seconds)
    on_path = [d.processor for d in trace.deliveries if d.on_longest_path]
    assert on_path == ["payment", "confirmation"]


def test_waits_after_failed_tries() -> None:
    payment = order().trace().deliveries[1]
    assert list(payment.gaps(at(100))) == [(at(1.0), at(2.0)), (at(2.5), at(5.0))]


def test_a_retrying_delivery_waits_until_now() -> None:
    story = Story()
    created = story.event("OrderCreated", 0)
    story.delivery(created, "payment", (0.1, 0.2), state="retrying")
    trace = story.trace(as_of=3.0)
    (payment,) = trace.deliveries
    assert list(payment.gaps(at(3.0))) == [(at(0.2), at(3.0))]
    assert (trace.outcome, trace.under_way, trace.seconds) == ("retrying", True, 3.0)


def test_a_running_try_is_open() -> None:
    story = Story()
    created = story.event("OrderCreated", 0)
    story.delivery(created, "payment", state="pending", running_since=0.5)
    (payment,) = story.trace(as_of=2.0).deliveries
    (one,) = payment.tries
    assert (payment.state, one.number, one.finished_at) == ("running", 1, None)
    assert payment.worker == "host:1"


@pytest.mark.parametrize(
    ("state", "outcome"), [("dead", "dead"), ("pending", "running"), ("discarded", "done")]
)
def test_outcomes(state: str, outcome: str) -> None:
    story = Story()
    created = story.event("OrderCreated", 0)
    story.delivery(created, "payment", state=state)
    assert story.trace().outcome == outcome


def test_an_event_published_with_a_cause_but_without_a_delivery_follows_its_cause() -> None:
    story = Story()
    created = story.event("OrderCreated", 0)
    story.event("OrderNoted", 1, created, by="a person")
    (root,) = story.trace().roots
    assert [e.row.type for e in root.followed_by] == ["OrderNoted"]


def test_a_cause_that_was_cut_off_makes_a_root() -> None:
    story = Story()
    first = story.event("OrderCreated", 0)
    story.event("OrderNoted", 1, first)
    story.events = story.events[1:]
    assert [e.row.type for e in story.trace().roots] == ["OrderNoted"]


def test_a_chain_of_a_thousand_is_no_recursion() -> None:
    from flowdeck.dashboard.trace.waterfall import lay_out

    story = Story()
    event = story.event("Step", 0, by="walker")
    for number in range(1, 1000):
        story.delivery(event, "walker", (number - 0.5, number - 0.1))
        event = story.event("Step", number, event, by="walker")
    trace = story.trace(as_of=2000)
    assert trace.hops == 999
    drawing = lay_out(trace)
    assert len(drawing.rows) == 500
    assert drawing.left_out == 1999 - 500


def test_a_single_event_has_no_duration() -> None:
    story = Story()
    story.event("OrderCreated", 0)
    trace = story.trace()
    assert (trace.seconds, trace.outcome, trace.hops) == (0.0, "done", 0)
