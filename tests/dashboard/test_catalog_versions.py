"""The catalog tells how a type came to be what it is, and shows an old event as read today."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from uuid_utils.compat import uuid7

from events import upcasting
from events.dashboard.catalog_versions import diff
from events.masking import MASK
from events.models import Event
from events.store import append_old
from tests.dashboard.test_hostile_text import HOSTILE, assert_harmless

V1 = {
    "order_id": 987,
    "user_id": 31,
    "total": "59.00",
    "items": [],
    "reference": "",
    "scenario": "",
}


def store(type_name: str, version: int, data: dict[str, Any]) -> None:
    with transaction.atomic():
        append_old(
            f"old-{uuid7()}", type_name, version, data, correlation_id=uuid7(),
            occurred_at=datetime.now(UTC), producer="old code",
        )  # fmt: skip


def page(client: Client, name: str) -> str:
    return " ".join(client.get(f"/catalog/{name}/").content.decode().split())


def test_versions_their_diff_and_a_stored_event_as_it_is_read_today(viewer: Client) -> None:
    store("OrderCreated", 1, V1)
    shown = page(viewer, "OrderCreated")
    assert "From v1 to v2" in shown
    assert "backward, by upcaster" in shown
    assert "field added with default" in shown
    assert "new in v2" in shown
    assert "the oldest" in shown
    assert '<span class="add"><i>+</i> &quot;currency&quot;: &quot;EUR&quot;,</span>' in shown
    assert "schemas.lock agrees with the code" in shown


def test_without_a_stored_one_the_sample_is_read(viewer: Client) -> None:
    shown = page(viewer, "Renamed")
    assert "the upcaster&#x27;s sample" in shown or "the upcaster's sample" in shown
    assert '<span class="del"><i>-</i> &quot;title&quot;: &quot;lamp&quot;</span>' in shown
    assert "not in schemas.lock yet" in shown


def test_a_gap_and_a_failing_upcaster_are_said(
    viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    store("OrderCreated", 1, V1)
    monkeypatch.setitem(upcasting._chain, ("OrderCreated", 1), lambda data: data["no such field"])
    assert "can't be read" in page(viewer, "OrderCreated")
    monkeypatch.delitem(upcasting._chain, ("OrderCreated", 1))
    shown = page(viewer, "OrderCreated")
    assert "no upcaster" in shown
    assert "declare one" in shown


@pytest.mark.parametrize(
    ("type_name", "version", "told"), [("OrderCreated", 9, "the future"), ("Unheard", 1, MASK)]
)
def test_what_this_code_does_not_know_is_shown_as_it_is_stored(
    viewer: Client, type_name: str, version: int, told: str
) -> None:
    """Except that nobody knows what is personal in a type that is not declared."""
    store(type_name, version, {"from": "the future"})
    position = Event.objects.latest("position").position
    for url in ("/events/", f"/events/{position}/", f"/catalog/{type_name}/", "/timeline/"):
        assert type_name in viewer.get(url).content.decode(), url
    for url in (f"/events/{position}/", f"/catalog/{type_name}/"):
        assert told in viewer.get(url).content.decode(), url


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_an_old_payload_is_shown_as_text(viewer: Client, text: str) -> None:
    store("OrderCreated", 1, {**V1, "reference": text})
    assert_harmless(viewer.get("/catalog/OrderCreated/").content.decode())


def test_a_diff_keeps_what_is_alike() -> None:
    lines = list(diff({"a": 1, "b": [1, 2]}, {"a": 1, "b": [1, 3]}))
    assert [line.sign for line in lines] == [" ", " ", " ", " ", "-", "+", " ", " "]
    assert {line.kind for line in diff({"b": 1, "a": 2}, {"a": 2, "b": 1})} == {""}
