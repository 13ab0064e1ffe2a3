"""The past as data, for the flow map to play."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from django.test import Client

from flowdeck import clock, publish
from flowdeck.dashboard.flow import past as flow_past
from flowdeck.history import fold
from flowdeck.models import Event
from flowdeck.testing import settle
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)
HOPS = "/flow/past/hops/"


@pytest.fixture
def history() -> None:
    publish(*[Probed(n=n) for n in range(3)], stream="probe-1", producer="tester")
    settle()


@pytest.mark.usefixtures("history")
def test_the_newest_minute_is_told_hop_by_hop(viewer: Client) -> None:
    told = viewer.get(HOPS).json()
    assert told["hops"] == sorted(told["hops"])
    assert all(0 <= at < 60_000 for at, *_ in told["hops"])
    counts: dict[tuple[str, str], int] = {}
    for _, source, target, number in told["hops"]:
        counts[source, target] = counts.get((source, target), 0) + number
    assert counts["producer:tester", "type:Probed"] == 3
    assert counts["type:Probed", "processor:probe.tally"] == 3
    assert told["cut"] is False


@pytest.mark.usefixtures("history")
def test_another_minute_is_another(viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Event.objects.earliest("position").recorded_at - timedelta(seconds=1)
    assert viewer.get(HOPS, {"until": before.isoformat()}).json()["hops"] == []
    monkeypatch.setattr(flow_past, "MOST", 2)
    told = viewer.get(HOPS).json()
    assert told["cut"] is True
    assert sum(n for _, _, target, n in told["hops"] if target == "type:Probed") == 2


def test_the_page_has_the_map_and_what_plays_it(viewer: Client) -> None:
    page = viewer.get("/flow/past/", {"until": "nonsense"}).content.decode()
    assert 'data-behaviour="flow-past"' in page
    assert 'data-node="type:Probed"' in page
    assert '<option value="0.5">' in page


@pytest.mark.parametrize(("reach", "step"), [("3600", 10), ("86400", 60), ("604800", 3600)])
def test_a_longer_reach_is_told_in_steps(viewer: Client, reach: str, step: int) -> None:
    publish(*[Probed(n=n) for n in range(3)], stream="probe-1", producer="tester")
    publish(Probed(n=4, rejects="probe.atomic"), stream="probe-1", producer="tester")
    settle()
    fold.fold_all()
    asked = {"reach": reach, "until": (clock.now() + timedelta(seconds=1)).isoformat()}
    told = viewer.get(HOPS, asked).json()
    assert told["step"] == step * 1000
    assert {at % told["step"] for at, *_ in [*told["hops"], *told["failed"]]} == {0}
    counts: Counter[tuple[str, str]] = Counter()
    for at, source, target, number in told["hops"]:
        assert 0 <= at <= int(reach) * 1000
        counts[source, target] += number
    assert counts["producer:tester", "type:Probed"] == 4
    assert counts["type:Probed", "processor:probe.atomic"] == 3
    assert [(name, n) for _, name, n in told["failed"]] == [("processor:probe.atomic", 1)]
    page = viewer.get("/flow/past/", asked).content.decode()
    assert f"reach={reach}" in page


def test_of_a_reach_that_was_too_busy_the_first_is_told(
    viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(Probed(n=1), stream="probe-1")
    settle()
    fold.fold_all()
    monkeypatch.setattr(flow_past, "MOST_ROWS", 1)
    until = (clock.now() + timedelta(seconds=1)).isoformat()
    told = viewer.get(HOPS, {"reach": "3600", "until": until}).json()
    assert told["cut"] is True
