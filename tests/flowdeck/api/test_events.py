"""Reading the log, traces and processors over the API."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from flowdeck import Draft, publish
from flowdeck.testing import settle
from tests.flowdeck.api.conftest import Caller
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)


def positions(answer: Any) -> list[int]:
    return [event["position"] for event in answer.json()["events"]]


def test_pages_by_position_cover_the_log_once(operator: Caller) -> None:
    publish(*[Draft(Probed(n=n), stream=f"probe-{n % 3}") for n in range(7)])
    everything = positions(operator.get("/events", limit=200))
    assert len(everything) == 7
    assert everything == sorted(everything, reverse=True)

    backward: list[int] = []
    before = None
    while True:
        page = operator.get("/events", limit=3, **({"before": before} if before else {}))
        backward += positions(page)
        before = page.json()["next"]
        if before is None:
            break
    assert backward == everything

    forward: list[int] = []
    after: int | None = 0
    while after is not None:
        page = operator.get("/events", limit=3, after=after)
        forward += positions(page)
        after = page.json()["next"]
    assert forward == sorted(everything)


def test_filters_narrow_it_down(operator: Caller) -> None:
    receipt = publish(Probed(n=1, echoes=1), stream="probe-1")
    publish(Probed(n=2), stream="probe-2")
    settle()
    assert len(positions(operator.get("/events", stream="probe-2"))) == 1
    assert len(positions(operator.get("/events", type="Echoed"))) == 3
    assert len(positions(operator.get("/events", producer="probe.batch"))) == 1
    trace = operator.get("/events", correlation_id=str(receipt.correlation_id))
    assert len(positions(trace)) == 4
    assert positions(operator.get("/events", stream="nonsense")) == []


@pytest.mark.parametrize(
    "query",
    [{"limit": 0}, {"limit": 201}, {"after": "x"}, {"before": -1}, {"correlation_id": "x"}],
)
def test_nonsense_is_refused_with_the_field_named(operator: Caller, query: dict[str, Any]) -> None:
    answer = operator.get("/events", **query)
    assert answer.status_code == 422
    assert next(iter(query)) in answer.json()["detail"]


def test_a_trace_has_events_deliveries_and_failures(operator: Caller) -> None:
    receipt = publish(Probed(n=1, echoes=1, rejects="probe.leased"), stream="probe-1")
    settle()
    trace = operator.get(f"/traces/{receipt.correlation_id}").json()
    assert {event["type"] for event in trace["events"]} == {"Probed", "Echoed"}
    states = {each["processor"]: each for each in trace["deliveries"]}
    assert states["probe.atomic"]["state"] == "done"
    assert states["probe.leased"]["state"] == "dead"
    (failure,) = states["probe.leased"]["failures"]
    assert (failure["outcome"], failure["error"]) == ("rejected", "Reject")
    assert trace["complete"]


def test_an_unknown_trace_and_one_of_others_look_the_same(
    operator: Caller, customer: Caller
) -> None:
    receipt = publish(Probed(n=1), stream="probe-1")
    unknown = operator.get(f"/traces/{uuid4()}")
    others = customer.get(f"/traces/{receipt.correlation_id}")
    assert unknown.status_code == others.status_code == 404


def test_processors_say_what_waits(operator: Caller) -> None:
    publish(Probed(n=1), stream="probe-1")
    listed = {each["name"]: each for each in operator.get("/processors").json()}
    assert listed["probe.atomic"]["subscriptions"] == ["Probed"]
    assert listed["probe.atomic"]["waiting"] == 1
    settle()
    listed = {each["name"]: each for each in operator.get("/processors").json()}
    assert listed["probe.atomic"]["waiting"] == 0


def test_the_description_is_there(operator: Caller) -> None:
    described = operator.get("/openapi.json").json()
    assert "/api/v1/orders" in described["paths"]
