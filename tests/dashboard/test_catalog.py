"""The catalog: what an event is, by its declaration and by what is stored."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

import pytest
from django.test import Client
from pydantic import BaseModel

from events import publish
from events.dashboard import observed
from events.dashboard.schema_fields import example_of, fields_of
from events.registry import Registry
from tests.dashboard.test_hostile_text import HOSTILE, assert_harmless, hostile_event
from tests.probe.events import Echoed, Probed


class Line(BaseModel):
    sku: str
    price: Decimal


class Payload(BaseModel):
    order_id: int
    status: Literal["ok", "no"]
    lines: list[Line]
    note: str = "x"
    again: Payload | None = None


def test_fields_of_nested_objects_are_listed_below_what_holds_them() -> None:
    found = {one.path: one for one in fields_of(Payload.model_json_schema()["$defs"]["Payload"])}
    assert list(found)[:3] == ["order_id", "status", "lines"]
    whole = {one.path: one for one in fields_of(_with_line())}
    assert whole["lines"].type == "list of Line"
    assert whole["lines[].sku"].required
    assert whole["lines[].price"].type.startswith("number or string")
    assert whole["status"].type == '"ok" or "no"'
    assert whole["note"].default == '"x"'


def test_a_schema_that_refers_to_itself_ends() -> None:
    schema = Payload.model_json_schema()
    assert len(fields_of({**schema, **schema["$defs"]["Payload"]})) < 200
    assert example_of({**schema, **schema["$defs"]["Payload"]})["status"] == "ok"


def _with_line() -> dict[str, Any]:
    schema = Payload.model_json_schema()
    return {**schema["$defs"]["Payload"], "$defs": schema["$defs"]}


def test_never_seen_is_a_dash_and_the_example_is_made_up(viewer: Client) -> None:
    page = viewer.get("/catalog/Probed/").content.decode()
    assert "made up from the schema" in page
    assert "never seen" in page
    assert "–" in viewer.get("/catalog/").content.decode()


def test_the_newest_payload_is_the_example(viewer: Client) -> None:
    given = (Probed(n=1), Probed(n=4711), Echoed(n=1, by="me"))
    published = publish(*given, stream="probe-1", producer="tests")
    page = viewer.get("/catalog/Probed/").content.decode()
    assert "4711" in page
    assert f"the newest, {published.positions[1]:,}" in page
    assert "tests" in page
    assert "probe.batch" in page
    assert "2/min" in page, "two in the last minute"


def test_a_type_that_only_the_log_knows_is_marked(viewer: Client) -> None:
    hostile_event("Forgotten")
    assert "not declared" in viewer.get("/catalog/").content.decode()
    assert "are not known" in viewer.get("/catalog/Forgotten/").content.decode()
    assert viewer.get("/catalog/Nonsense/").status_code == 404


def test_a_version_without_upcaster_is_said(viewer: Client) -> None:
    event = hostile_event("Echoed")
    assert event.version == 1
    assert "can be read" in viewer.get("/catalog/Echoed/").content.decode()


def test_a_rate_is_over_what_was_looked_at(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(*[Probed(n=n) for n in range(30)], stream="probe-1")
    [whole] = observed.produced()
    assert whole.count == 30
    assert whole.per_second == pytest.approx(0.5)
    monkeypatch.setattr(observed, "SAMPLE", 10)
    [cut] = observed.produced()
    assert cut.count == 10
    assert cut.per_second == pytest.approx(10, rel=0.1), "ten within the last second"


def test_nothing_declared_is_an_empty_page(viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("observed", "catalog"):
        monkeypatch.setattr(f"events.dashboard.{module}.registry", Registry())
    assert "No event types are declared" in viewer.get("/catalog/").content.decode()


def test_only_who_sees_the_log(customer: Client) -> None:
    for url in ("/catalog/", "/catalog/Probed/"):
        refused = customer.get(url)
        assert refused.status_code == 403
        assert "you need the role" in refused.content.decode()
        assert Client().get(url).status_code == 302


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_it_is_shown_as_text(viewer: Client, text: str) -> None:
    hostile_event(text)
    assert_harmless(viewer.get("/catalog/").content.decode())
    hostile_event_of_a_known_type(text)
    assert_harmless(viewer.get("/catalog/Probed/").content.decode())


def hostile_event_of_a_known_type(text: str) -> None:
    publish(Probed(by=text), stream="probe-1", producer=text[:64])


def test_the_number_of_queries_is_constant(viewer: Client, django_assert_num_queries: Any) -> None:
    publish(Probed(n=1), stream="probe-1")
    for count in (1, 50):
        publish(*[Probed(n=n) for n in range(count)], stream="probe-1")
        with django_assert_num_queries(10):  # shell 7, sample, newest of each type, these
            viewer.get("/catalog/")
        with django_assert_num_queries(13):  # and the example, the oldest, the versions
            viewer.get("/catalog/Probed/")
