"""A past minute as data, for the flow map to play."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from flowdeck import publish
from flowdeck.dashboard.flow import past as flow_past
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
