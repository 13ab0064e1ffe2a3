"""Pages, answers and live frames are bounded by bytes, however large what they show is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flowdeck import Draft, Event, publish
from flowdeck.api import budget
from flowdeck.dashboard.flow import busiest
from flowdeck.declare.registry import registry
from flowdeck.live.views import find
from flowdeck.testing import settle
from tests.accounts import person, signed_in
from tests.probe.events import Echoed, Probed

pytestmark = pytest.mark.django_db(transaction=True)

LARGE = 200_000
MOST = 1_000_000  # bytes of a page


@pytest.fixture
def many_types() -> Iterator[None]:
    known = dict(registry.event_types)
    for number in range(300):
        type(f"SomethingWithALongNameHappened{number}", (Event,), {"__module__": __name__})
    yield
    registry.event_types.clear()
    registry.event_types.update(known)


def test_the_history_of_large_events_is_one_page() -> None:
    publish(*[Echoed(n=n, by=f"{n:x}" * (LARGE // 2)) for n in range(10, 40)], stream="large")
    client = signed_in(person("viewer"))
    for query in ("", "?at=3", "?at=3&with=7"):
        page = client.get(f"/streams/large/{query}")
        assert page.status_code == 200
        assert len(page.content) < MOST
        assert b"more characters" in page.content


def test_states_that_have_no_room_are_shown_by_their_own_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("flowdeck.dashboard.replay.streams._BUDGET", 500)
    publish(*[Echoed(n=n, by="x") for n in range(20)], stream="long")
    client = signed_in(person("viewer"))
    page = client.get("/streams/long/?at=20").content.decode()
    assert '<a href="?at=3">Show the state as of event 3</a>' in page
    page = client.get("/streams/long/?at=3").content.decode()
    assert '<a href="?at=3">Show' not in page
    assert '<a href="?at=20">Show the state as of event 20</a>' in page


def test_a_page_of_the_api_ends_at_its_budget_and_the_next_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(budget, "BUDGET", 3 * LARGE)
    publish(*[Draft(Echoed(n=n, by="x" * LARGE), stream=f"s-{n}") for n in range(7)])
    client = signed_in(person("viewer"))
    for way in ("after", "before"):
        seen: list[int] = []
        place: int | None = 0 if way == "after" else 2**40
        while place is not None:
            answer = client.get("/api/v1/events", {way: place, "limit": 200})
            assert len(answer.content) < 4 * LARGE
            told = answer.json()
            seen += [event["data"]["n"] for event in told["events"]]
            place = told["next"]
        assert sorted(seen) == list(range(7)), way


def test_one_event_beyond_the_budget_is_given_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(budget, "BUDGET", 10)
    publish(Probed(n=1), Probed(n=2), stream="probe-1")
    told = signed_in(person("viewer")).get("/api/v1/events").json()
    assert [event["data"]["n"] for event in told["events"]] == [2]
    assert told["next"] == told["events"][0]["position"]


def test_a_trace_over_the_api_ends_at_its_budget_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(budget, "BUDGET", 3 * LARGE)
    receipt = publish(*[Echoed(n=n, by="x" * LARGE) for n in range(7)], stream="large")
    settle()
    answer = signed_in(person("viewer")).get(f"/api/v1/traces/{receipt.correlation_id}")
    told = answer.json()
    assert len(answer.content) < 4 * LARGE
    assert (told["cut"], told["event_count"], len(told["events"])) == (True, 7, 2)
    given = {event["position"] for event in told["events"]}
    assert {delivery["position"] for delivery in told["deliveries"]} <= given


def test_a_map_of_many_types_is_drawn_in_part(many_types: None) -> None:
    client = signed_in(person("admin"))
    page = client.get("/flow/?unused=1").content.decode()
    assert f"The {busiest.MOST} busiest are drawn" in page
    assert len(page) < MOST
    found = find("flow:?unused=1")
    assert found is not None
    frame = sum(len(one.html) for one in found.view(None, found.argument).regions())
    assert frame < MOST // 2
    node = "type:SomethingWithALongNameHappened299"
    assert f'{node}"' in client.get(f"/flow/?unused=1&node={node}").content.decode()
