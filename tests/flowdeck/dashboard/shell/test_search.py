"""The search: what a text may mean, and where it leads."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from events import orders
from events.models import Product
from flowdeck import publish, words
from flowdeck.models import BulkAction, Event, ReplayRun, Timer
from flowdeck.sql import dialect
from tests.accounts import person, signed_in
from tests.flowdeck.dashboard.test_hostile_text import HOSTILE, assert_harmless, hostile_event
from tests.probe.events import Echoed, Probed


@pytest.fixture
def log(db: None) -> list[Event]:
    """Three events of two streams."""
    publish(Probed(n=1), Echoed(n=1, by="me"), stream="probe-1")
    publish(Probed(n=2), stream="probe-2")
    return list(Event.objects.all())


def asked(client: Client, query: str, **headers: str) -> Any:
    return client.get("/search/", {"q": query}, headers=headers)


def test_a_pasted_id_goes_straight_there(viewer: Client, log: list[Event]) -> None:
    event = log[1]
    for text in (str(event.id), f"  {event.id} ", event.id.hex, str(event.id).upper()):
        assert asked(viewer, text).url == f"/events/{event.position}/"
    assert asked(viewer, str(event.correlation_id)).url == f"/traces/{event.correlation_id}/"


def test_the_end_of_an_id_is_enough(viewer: Client, log: list[Event]) -> None:
    assert asked(viewer, str(log[2].correlation_id)[-7:]).url == f"/traces/{log[2].correlation_id}/"


def test_what_pages_show_of_a_trace_finds_it_however_long_ago_it_was(
    viewer: Client, log: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flowdeck.dashboard.shell.log_finders._NEWEST", 0)
    trace = log[0].correlation_id
    assert words.short(trace) in viewer.get("/traces/").content.decode()
    for end in (words.short(trace), words.short(trace).upper(), trace.hex[-12:]):
        assert asked(viewer, end).url == f"/traces/{trace}/"


def test_it_is_found_by_an_index(viewer: Client, log: list[Event]) -> None:
    with CaptureQueriesContext(connection) as captured:
        asked(viewer, words.short(log[0].correlation_id))
    (sql,) = [one["sql"] for one in captured if dialect().TRACE_END in one["sql"]]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")  # so few rows would be read so
        explain = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
        cursor.execute(f"{explain} {sql}")
        plan = "\n".join(str(row) for row in cursor.fetchall())
    assert "flowdeck_event_trace_end" in plan


def test_a_position_a_stream_and_a_type(viewer: Client, log: list[Event]) -> None:
    position = log[0].position
    assert asked(viewer, f"#{position}").url == f"/events/{position}/"
    assert asked(viewer, "probe-2").url == "/streams/probe-2/"
    assert asked(viewer, "Probed").url == "/catalog/Probed/"
    copied(log[0], type="Forgotten", position=None)
    assert asked(viewer, "Forgotten").url == "/catalog/Forgotten/"


def test_what_is_planned_or_asked_for_is_found_by_its_number_and_name(
    viewer: Client, log: list[Event]
) -> None:
    event = log[1]
    assert asked(viewer, "probe-1#2").url == f"/events/{event.position}/"
    assert "Nothing has" in asked(viewer, "probe-1#9").content.decode()
    run = ReplayRun.objects.create(kind="verify", processors=["probe.tally"], by="ann", total=3)
    bulk = BulkAction.objects.create(action="retry", newest=9, total=3, by="ann")
    publish(Probed(n=3), stream="probe-2", in_=3600, timer="later")
    timer = Timer.objects.get()
    found = {
        f"run {run.pk}": f"/replay/?run={run.pk}",
        f"Bulk action #{bulk.pk}": f"/dead-letters/#bulk-{bulk.pk}",
        f"timer {timer.pk}": "/timers/?name=later&stream=probe-2",
    }
    assert {text: asked(viewer, text).url for text in found} == found
    page = asked(viewer, str(run.pk)).content.decode()
    assert f"/replay/?run={run.pk}" in page


def copied(event: Event, **changed: Any) -> None:
    """The same event once more, with other values."""
    row = Event.objects.get(position=event.position)
    for name, value in {"id": uuid4(), "sequence": 99, **changed}.items():
        setattr(row, name, value)
    Event.objects.bulk_create([row])


def test_parts_of_names_are_listed_in_groups_and_marked(viewer: Client, log: list[Event]) -> None:
    page = asked(viewer, "prob").content.decode()
    assert "<mark>Prob</mark>ed" in page
    assert "<mark>prob</mark>e.atomic" in page
    assert page.index("Event types") < page.index('aria-label="Processors"')


def test_an_order_is_found_by_its_number(viewer: Client, db: None) -> None:
    Product.objects.create(sku="mug", name="Mug", price="14.00")
    placed = orders.place_order(person("customer"), [{"sku": "mug", "quantity": 1}], str(uuid4()))
    trace = f"/traces/{placed.correlation_id}/"
    for text in (f"order {placed.order_id}", f"Order-{placed.order_id}"):
        assert asked(viewer, text).url == trace
    if not Event.objects.filter(position=placed.order_id).exists():
        copied(Event.objects.get(), position=placed.order_id)
    page = asked(viewer, str(placed.order_id)).content.decode()
    assert page.index("Orders") < page.index("Positions"), "it may be a position too"
    assert trace in page


def test_while_typing_only_the_list_comes_and_never_a_way_elsewhere(
    viewer: Client, log: list[Event]
) -> None:
    answer = asked(viewer, str(log[0].id), **{"HX-Request": "true"})
    assert answer.status_code == 200
    assert b"<html" not in answer.content
    assert f"/events/{log[0].position}/" in answer.content.decode()


@pytest.mark.parametrize(
    "query", ["", "   ", "\x00", "nothing like it", "0" * 40, "9" * 18, "-" * 36]
)
def test_nothing_is_found_of_nothing(viewer: Client, query: str) -> None:
    page = asked(viewer, query)
    assert page.status_code == 200
    assert ("are you looking for" in page.content.decode()) or (
        "Nothing has the name" in page.content.decode()
    )


def test_only_who_sees_the_log(log: list[Event]) -> None:
    assert asked(Client(), "Probed").status_code == 302
    refused = asked(signed_in(person("customer")), str(log[0].id))
    assert refused.status_code == 403


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_it_is_shown_as_text(viewer: Client, text: str) -> None:
    event = hostile_event(text)
    assert_harmless(asked(viewer, text).content.decode())
    page = asked(viewer, str(event.id), **{"HX-Request": "true"})
    assert_harmless(page.content.decode())


def test_the_number_of_queries_is_constant(viewer: Client, django_assert_num_queries: Any) -> None:
    for count in (1, 60):
        publish(*[Probed(n=n) for n in range(count)], stream="probe-1")
        with django_assert_num_queries(10):  # shell 7, stream, stored type, process
            asked(viewer, "prob")
        # shell 7, order, newest, end, position, letter, stream, type, run, bulk, timer, process
        with django_assert_num_queries(18):
            asked(viewer, "123456")
