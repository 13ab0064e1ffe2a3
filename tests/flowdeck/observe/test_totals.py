"""A trace of which not all is loaded: its outcome and its counts are those of the whole."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

import pytest
from django.test import Client

from flowdeck import publish
from flowdeck.dashboard.trace import recent
from flowdeck.dashboard.trace.live import TracesView
from flowdeck.live import Changes
from flowdeck.log.publishing import Receipt
from flowdeck.observe import loading
from flowdeck.observe.loading import load_trace, load_traces
from flowdeck.observe.totals import Totals, totals_of
from flowdeck.observe.traces import Trace
from flowdeck.testing import settle
from tests.accounts import person, signed_in
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)

SHOWN = 10


@pytest.fixture(autouse=True)
def _few_are_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowdeck.observe.loading.LIMIT", SHOWN)


def long_trace(last: Probed, *, settled: bool = True) -> UUID:
    """Two events more than are loaded; the last one is in a stream of its own."""
    receipt = publish(*[Probed(n=n) for n in range(SHOWN + 1)], stream="long")
    settle()
    publish(last, stream="last", correlation_id=receipt.correlation_id)
    if settled:
        settle()
    return receipt.correlation_id


def loaded(name: UUID) -> Trace:
    trace = load_trace(name)
    assert trace is not None
    assert trace.cut
    assert len(trace.events) == SHOWN
    return trace


@pytest.fixture
def viewer() -> Client:
    return signed_in(person("viewer"))


def test_the_last_delivery_counts_although_it_is_not_loaded(viewer: Client) -> None:
    name = long_trace(Probed(n=99, fails=9, by="probe.atomic"))
    trace = loaded(name)
    assert (trace.outcome, trace.event_count, trace.under_way) == ("dead", SHOWN + 2, False)
    assert trace.retries == 2
    assert trace.delivery_count > len(trace.deliveries)
    told = viewer.get(f"/api/v1/traces/{name}").json()
    assert (told["outcome"], told["complete"], told["cut"]) == ("dead", True, True)
    assert (told["event_count"], len(told["events"])) == (SHOWN + 2, SHOWN)
    page = viewer.get(f"/traces/{name}/").content.decode()
    assert "dead letter" in page
    assert f"{SHOWN + 2} <small>{SHOWN} shown</small>" in page
    for view in ("", "?view=graph", "?view=sequence"):
        page = viewer.get(f"/traces/{name}/{view}").content.decode()
        assert f"The first {SHOWN} of {SHOWN + 2} events are drawn" in page
    text = viewer.get(f"/traces/{name}/mermaid/").content.decode()
    last = text.splitlines()[-1]
    assert f"the first {SHOWN} of {SHOWN + 2} events are drawn, the whole trace is dead" in last


def test_it_is_under_way_until_all_of_it_is_settled(viewer: Client) -> None:
    name = long_trace(Probed(n=99), settled=False)
    trace = loaded(name)
    assert (trace.outcome, trace.under_way) == ("running", True)
    assert trace.ended_at == trace.as_of
    assert viewer.get(f"/api/v1/traces/{name}").json()["complete"] is False
    settle()
    trace = loaded(name)
    assert (trace.outcome, trace.under_way) == ("done", False)
    assert trace.ended_at > max(event.row.recorded_at for event in trace.events)


def test_a_long_trace_leaves_others_their_place(viewer: Client) -> None:
    name = long_trace(Probed(n=99))
    short = [publish(Probed(n=n), stream=f"short-{n}").correlation_id for n in range(4)]
    settle()
    found = load_traces([name, *short])
    assert set(found) == {name, *short}
    assert [found[one].cut for one in (name, *short)] == [True, False, False, False, False]
    assert found[name].event_count == SHOWN + 2
    page = viewer.get("/traces/").content.decode()
    assert all(f'id="trace-{one}"' in page for one in (name, *short))


def test_what_is_whole_asks_nothing_more(django_assert_max_num_queries: object) -> None:
    name = publish(Probed(n=1), stream="short").correlation_id
    settle()
    with django_assert_max_num_queries(5):  # type: ignore[operator]
        trace = load_trace(name)
    assert trace is not None
    assert not trace.cut


def test_the_list_counts_a_long_trace_again_only_if_it_was_touched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[UUID] = []

    def counted(names: Collection[UUID]) -> dict[UUID, Totals]:
        asked.extend(names)
        return totals_of(names)

    def told(receipt: Receipt) -> Changes:
        found = Changes(appended=True)
        for position in receipt.positions:
            found.touch(position, receipt.correlation_id)
        return found

    monkeypatch.setattr(loading, "totals_of", counted)
    monkeypatch.setattr(recent, "SIZE", 2)
    name = long_trace(Probed(n=99))
    view = TracesView(None, "")
    view.regions()
    assert asked == [name]
    other = publish(Probed(n=1), stream="other")
    assert view.patch(told(other)) == TracesView(None, "").regions()
    assert asked == [name, name], "by the new view alone"
    settle()
    assert view.patch(told(other)) == TracesView(None, "").regions()
    assert asked == [name] * 3
    more = publish(Probed(n=1), stream="last", correlation_id=name)
    assert view.patch(told(more)) == TracesView(None, "").regions()
    assert asked == [name] * 5
    settle()
    assert view.patch(Changes(unknown=True)) == TracesView(None, "").regions()
