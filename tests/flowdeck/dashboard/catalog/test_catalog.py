"""The catalog: what an event is, by its declaration and by what is stored."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

import pytest
from django.test import Client
from pydantic import BaseModel

from flowdeck import publish
from flowdeck.dashboard.catalog.schema_fields import example_of, fields_of
from flowdeck.dashboard.shared import observed
from flowdeck.dashboard.shared.type_marks import hue_of_type, role_of_type
from flowdeck.dashboard.timeline.type_rates import stored_counts, type_lines
from flowdeck.declare.registry import Registry
from flowdeck.history import fold
from flowdeck.models import Fold
from tests.flowdeck.dashboard.test_hostile_text import (
    HOSTILE,
    TEXTS,
    assert_harmless,
    hostile_event,
)
from tests.probe.events import Echoed, Probed

QUERIES = 15


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
    fold.fold_all()
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


def test_a_rate_is_that_of_the_last_minute(db: None) -> None:
    publish(*[Probed(n=n) for n in range(30)], stream="probe-1")
    assert observed.produced() == [], "nobody has counted yet"
    fold.fold_all()
    [whole] = observed.produced()
    assert 30 / 71 < whole.per_second <= 0.5


def test_nothing_declared_is_an_empty_page(viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("shared.observed", "catalog.rows", "shared.type_marks"):
        monkeypatch.setattr(f"flowdeck.dashboard.{module}.registry", Registry())
    assert "No event types are declared" in viewer.get("/catalog/").content.decode()


def test_only_who_sees_the_log(customer: Client) -> None:
    for url in ("/catalog/", "/catalog/Probed/"):
        refused = customer.get(url)
        assert refused.status_code == 403
        assert "you need the permission" in refused.content.decode()
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
        fold.fold_all()
        with django_assert_num_queries(QUERIES):  # shell 7
            viewer.get("/catalog/")
        with django_assert_num_queries(
            QUERIES + 4
        ):  # and the example, the oldest, two for the versions
            viewer.get("/catalog/Probed/")


def shown(page: str) -> set[str]:
    """Names of the types that the page does not hide."""
    rows = re.findall(
        r'<tr data-words="[^"]*"( hidden)?><td><a class="etype" href="/catalog/([\w.-]+)/', page
    )
    return {name for hidden, name in rows if not hidden}


def test_the_filter_leaves_what_has_all_words(viewer: Client) -> None:
    publish(Probed(n=1), stream="probe-1", producer="tests")
    everything = shown(viewer.get("/catalog/").content.decode())
    assert {"Probed", "OrderCreated"} <= everything
    assert shown(viewer.get("/catalog/?q=PROBE.batch tests").content.decode()) == {"Probed"}
    assert shown(viewer.get("/catalog/?q=probed").content.decode()) == {"Probed"}
    page = viewer.get("/catalog/?q=order").content.decode()
    assert "Probed" not in shown(page)
    assert f"<b data-narrowed-count>{len(shown(page))}</b> of {len(everything)} event types" in page
    assert 'href="/catalog/OrderCreated/?q=order"' in page, "the way back is narrowed too"
    none = viewer.get("/catalog/?q=nonsense").content.decode()
    assert shown(none) == set()
    assert "data-narrowed-none>" in none
    side = viewer.get("/catalog/Probed/?q=order").content.decode()
    assert '<input id="ct-q" type="search" name="q" value="order"' in side
    assert 'aria-current="true" hidden' in side
    assert_harmless(viewer.get("/catalog/", {"q": TEXTS[0] + "\x00"}).content.decode())


def test_counts_and_a_line_of_the_last_ten_minutes(viewer: Client) -> None:
    publish(*[Probed(n=n) for n in range(7)], stream="probe-1")
    fold.fold_all()
    later = datetime.now(UTC) + timedelta(seconds=60)
    line = type_lines(later)["Probed"]
    assert (line.count, line.at_least, line.start) == (7, False, "0.0")
    heights = [float(point.split(",")[1]) for point in line.points.split()]
    assert len(heights) == 30
    assert min(heights[-5:]) < max(heights), "a mountain near the right end"
    assert len(set(heights[:20])) == 1, "and nothing before"
    assert "Probed" not in type_lines(later + timedelta(minutes=20))
    assert stored_counts(["Probed", "Echoed"]) == {"Probed": 7, "Echoed": 0}
    Fold.objects.update(since=datetime.now(UTC))
    assert (type_lines(later)["Probed"].count, type_lines(later)["Probed"].at_least) == (7, True)
    assert "7+" in viewer.get("/catalog/").content.decode()


def test_a_count_of_many_is_a_lower_bound(viewer: Client) -> None:
    publish(*[Probed(n=n) for n in range(1_001)], stream="probe-1")
    assert "1,000+" in viewer.get("/catalog/").content.decode()


def test_a_type_that_starts_flows_looks_like_a_start(viewer: Client) -> None:
    publish(Probed(n=1), stream="probe-1", producer="tests")
    status = {one.name: one for one in observed.type_statuses()}
    assert role_of_type(status["Probed"]) == "start"
    assert role_of_type(status["PaymentProcessed"]) == "event"
    assert role_of_type(status["InventoryRejected"]) == "refusal"
    assert hue_of_type(status["PaymentProcessed"]) == "payment", "who may write it"


def test_whether_the_lock_agrees_with_the_code_is_said(viewer: Client) -> None:
    assert re.search(
        r"schemas.lock (agrees|and the code)", viewer.get("/catalog/Probed/").content.decode()
    )
