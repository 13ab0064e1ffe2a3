"""What a processor gathers is shown on its page, and why it waits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape

import pytest
from django.test import Client

from flowdeck import Gather, clock, publish
from flowdeck.dashboard.processors.live import ProcessorView
from flowdeck.declare.registry import registry
from flowdeck.engine import signs_of_life
from flowdeck.engine.drain import drain_all
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _gathers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    known = registry.processor("probe.batch")
    monkeypatch.setitem(
        registry.processors, "probe.batch", replace(known, gather=Gather(quiet=300, most=900))
    )
    registry._subscribers.clear()
    yield
    registry._subscribers.clear()


def test_what_is_gathered_is_shown_by_key(viewer: Client) -> None:
    publish(*[Probed(n=n) for n in range(3)], stream="h&g")
    publish(Probed(), stream="cy")
    page = viewer.get("/processors/probe.batch/").content.decode()
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", unescape(page.split("<main")[1])))
    assert "none came for 5 min. The first waits at most 15 min" in text
    assert re.search(r"h&g 3 \S.*?cy 1 ", text)
    assert "until their key is quiet" in text
    live = ProcessorView(None, "probe.batch:24h").regions()
    assert "cy" in next(one for one in live if one.id == "of-gathered").html
    signs_of_life.say_alive(started_at=clock.now())
    drain_all()
    why = unescape(viewer.get("/why/", {"of": "stream h&g"}).content.decode()).split("<main")[1]
    why = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", why))
    assert "gathers what comes for the key" in why
