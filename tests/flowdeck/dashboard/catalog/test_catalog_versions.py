"""The catalog tells how a type came to be what it is, and shows an old event as read today."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from uuid_utils.compat import uuid7

from flowdeck import publish
from flowdeck.dashboard.catalog import seen as catalog_seen
from flowdeck.dashboard.catalog.field_past import past_of
from flowdeck.dashboard.catalog.seen import seen_versions
from flowdeck.dashboard.catalog.versions import diff
from flowdeck.declare import lock as schemas
from flowdeck.declare import upcasting
from flowdeck.models import Event
from flowdeck.privacy.masking import MASK
from tests.flowdeck.dashboard.test_hostile_text import HOSTILE, assert_harmless
from tests.old_events import append_unchecked
from tests.probe.events import Probed

V1 = {
    "order_id": 987,
    "user_id": 31,
    "total": "59.00",
    "items": [],
    "reference": "",
    "scenario": "",
}


def store(type_name: str, version: int, data: dict[str, Any]) -> None:
    append_unchecked(f"old-{uuid7()}", type_name, version, data)


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


def plain(client: Client, name: str) -> str:
    """What the page says, without tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", page(client, name)).split())


def schema(**fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {name: of(part) for name, part in fields.items()}}


def of(part: Any) -> dict[str, Any]:
    if isinstance(part, dict):
        return {"type": "array", "items": schema(**part)}
    return {"type": part}


def test_a_field_tells_what_it_was_and_what_is_gone_stays_listed() -> None:
    known = {
        1: schema(n="string", title="string", lines={"product": "string", "old": "string"}),
        2: schema(n="integer", title="string", lines={"sku": "string"}),
        4: schema(n="integer", name="integer", rows={"sku": "string"}),
    }
    past = past_of(known, {2: {"title": "label", "lines": "rows"}, 3: {"label": "name"}})
    assert past.told == {
        "n": ("was string in v1",),
        "name": ("was title in v2", "was string in v2"),
        "rows": ("was lines in v2",),
        "rows[].sku": ("new in v2",),
    }
    assert [(one.path, one.type, one.since) for one in past.gone] == [
        ("lines[].product", "string", 2),
        ("lines[].old", "string", 2),
    ]


def test_fields_that_look_alike_are_no_rename_until_somebody_says_so() -> None:
    known = {1: schema(title="string"), 2: schema(name="string")}
    past = past_of(known, {})
    assert past.told == {"name": ("new in v2",)}
    assert [one.path for one in past.gone] == ["title"]
    assert past_of(known, {1: {"title": "name"}}).told == {"name": ("was title in v1",)}
    assert past_of(known, {1: {"nonsense": "name", "title": "none"}}) == past, "not borne out"
    marked = schema(name="string")
    marked["properties"]["name"]["x-personal"] = {"subject": "user_id", "was": ["title"]}
    assert past_of({1: known[1], 2: marked}, {}).told == {"name": ("was title in v1",)}


def test_what_comes_back_is_new_again_and_what_holds_a_lost_field_stands_for_it() -> None:
    known = {
        1: schema(n="string", items={"sku": "string"}),
        2: schema(),
        3: schema(n="string"),
    }
    past = past_of(known, {})
    assert past.told == {"n": ("new in v3",)}
    assert [(one.path, one.since) for one in past.gone] == [("items", 2)]


def test_the_page_tells_the_past_of_each_field(
    viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "LabCustomerNamed" in schemas.current(), "its version 2 has two names instead of one"
    said = plain(viewer, "LabCustomerNamed")
    assert "first_name new in v2" in said
    assert "name gone since v2" in said
    assert "field renamed" not in said, "that it looks like one is no reason"
    assert "field removed name" in said
    assert "field added first_name" in said
    lock = {"Renamed": {"2": schema(title="string", size="string")}}
    monkeypatch.setattr(schemas, "read", lambda path: lock)
    said = plain(viewer, "Renamed")
    assert "name was title in v2" in said
    assert "size was string in v2" in said
    assert "field renamed title is now name" in said
    assert "schemas.lock does not have v1, so what fields were then is not known" in said


def test_listeners_are_given_the_newest_version(
    viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "All are given v2: events of older versions are upcast first." in plain(
        viewer, "OrderCreated"
    )
    assert "All are given v1, the only version." in plain(viewer, "Probed")
    monkeypatch.delitem(upcasting._chain, ("OrderCreated", 1))
    assert "for an older version the upcaster is missing" in plain(viewer, "OrderCreated")
    store("OrderCreated", 1, V1)
    assert "what is stored as v1 can't be brought there" in plain(viewer, "OrderCreated")


def test_a_version_tells_when_it_was_seen_first_and_last(viewer: Client) -> None:
    before = datetime.now(UTC)
    store("Renamed", 1, {"title": "lamp"})
    store("Renamed", 3, {"name": "lamp", "size": 1})
    store("Renamed", 1, {"title": "late"})
    seen = seen_versions("Renamed")
    assert {version: one.count for version, one in seen.items()} == {1: 2, 3: 1}
    assert not any(one.earlier or one.later for one in seen.values()), "all were looked at"
    assert before <= seen[1].first <= seen[3].first == seen[3].last <= seen[1].last
    assert re.search(
        r"of older code since .{21,25} last .{21,25} , 2 stored", plain(viewer, "Renamed")
    )
    assert "or earlier" not in plain(viewer, "Renamed")
    assert "none stored" in plain(viewer, "OrderCreated")
    assert seen_versions("OrderCreated") == {}


def test_of_many_events_the_ends_are_exact_and_the_rest_is_a_bound(
    viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog_seen, "NEWEST", 3)
    monkeypatch.setattr(catalog_seen, "_OLDEST", 2)
    for version in [1] * 8 + [2] * 8 + [3] * 8:
        store("Renamed", version, {"title": "lamp"})
    publish(*[Probed(n=n) for n in range(5)], stream="probe-1")
    seen = seen_versions("Renamed")
    assert {v: (one.earlier, one.later) for v, one in seen.items()} == {
        1: (False, True),
        2: (True, True),
        3: (True, False),
    }
    assert seen[1].last < seen[2].first < seen[2].last < seen[3].first
    assert seen[2].last - seen[2].first < timedelta(minutes=5)
    said = plain(viewer, "Renamed")
    assert "or later, none of the newest" in said
    assert "or earlier last" in said
