"""Limits on the page of a processor: what is in the air, and changing them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape

import pytest
from django.test import Client

from flowdeck import Breaker, Limits, publish
from flowdeck.dashboard.processors.live import ProcessorView
from flowdeck.declare.registry import registry
from flowdeck.models import AuditEntry, FlowControl
from tests.accounts import person, signed_in
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "/processors/probe.leased/"
FIELDS = {"concurrent": "3", "per": "20/s", "burst": "2", "reason": "they can"}


@pytest.fixture(autouse=True)
def _limited(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    known = registry.processor("probe.leased")
    limits = Limits(concurrent=1, per="10/s", by="by")
    monkeypatch.setitem(
        registry.processors, "probe.leased", replace(known, limits=limits, breaker=Breaker())
    )
    registry._subscribers.clear()
    yield
    registry._subscribers.clear()


def shown(client: Client) -> str:
    answer = client.get(PAGE)
    assert answer.status_code == 200
    text = re.sub(r"<[^>]+>", " ", unescape(answer.content.decode()).split("<main")[1])
    return re.sub(r"\s+", " ", text)


def test_what_waits_and_what_may_start_is_shown(operator: Client) -> None:
    publish(*[Probed(n=n, by="h&g") for n in range(3)], Probed(n=9, by="cy"), stream="one")
    page = shown(operator)
    assert "In the air 0 of 1 for each by Starts 10/s Breaker closed" in page
    assert "h&g 3 cy 1" in page
    assert "The code says" not in page


def test_limits_are_changed_with_a_reason_and_back(operator: Client) -> None:
    assert operator.post(f"{PAGE}limits/", FIELDS).status_code == 302
    page = shown(operator)
    assert "In the air 0 of 3 for each by Starts 20/s, 2 at once after a pause" in page
    assert "ago: they can The code says 1 in the air, 10/s" in page
    [live] = [
        one for one in ProcessorView(None, "probe.leased:24h").regions() if "limits" in one.id
    ]
    assert "of 3 for each by" in live.html
    assert operator.post(f"{PAGE}limits/", {"back": "1", "reason": "enough"}).status_code == 302
    assert "In the air 0 of 1 for each by" in shown(operator)
    assert AuditEntry.objects.filter(action="change limits", allowed=True).count() == 2


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"reason": ""}, "Say why"),
        ({"concurrent": "0"}, "a whole number from 1 to 1,000,000"),
        ({"concurrent": "-1"}, "a whole number from 1 to 1,000,000"),
        ({"per": "often"}, "must be like '10/s'"),
        ({"per": "1" * 99 + "/s"}, "Starts are like"),
        ({"concurrent": "", "per": "", "burst": ""}, "limits nothing"),
        ({"per": "", "burst": "5"}, "must be 1 or more, beside per="),
    ],
)
def test_what_can_not_be_kept_is_said_and_typed_again(
    wrong: dict[str, str], why: str, operator: Client
) -> None:
    answer = operator.post(f"{PAGE}limits/", {**FIELDS, **wrong})
    assert answer.status_code == 422
    assert why in unescape(answer.content.decode())
    assert not FlowControl.objects.filter(limits_set_at__isnull=False).exists()


def test_who_may_not_is_told_so() -> None:
    viewer = signed_in(person("viewer"))
    assert "flowdeck.change_limits" in shown(viewer)
    assert viewer.post(f"{PAGE}limits/", FIELDS).status_code == 403
