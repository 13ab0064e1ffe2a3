"""Names of event types live longer than classes: they are chosen, former ones are still read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from types import new_class
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from events.old_code import publish_old
from flowdeck import Event, load, parse, publish, read_stream, upcaster
from flowdeck.connect import outlets
from flowdeck.declare import upcasting
from flowdeck.declare.lock import check, current
from flowdeck.declare.registry import registry
from flowdeck.declare.subscribing import declare
from flowdeck.errors import RegistrationError
from flowdeck.testing import Flow

pytest_plugins = ["flowdeck.testing.plugin"]


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test declares is gone after it."""
    for name in ("event_types", "processors"):
        monkeypatch.setattr(registry, name, dict(getattr(registry, name)))
    monkeypatch.setattr(registry, "problems", [])
    monkeypatch.setattr(upcasting, "_chain", dict(upcasting._chain))
    registry._subscribers.clear()
    yield
    registry._subscribers.clear()


def announced(**options: Any) -> type[Event]:
    class ParcelAnnounced(Event, **options):
        parcel: int
        city: str = ""

    return ParcelAnnounced


def elsewhere(class_name: str, **options: Any) -> type[Event]:
    """A class of another app."""
    return new_class(class_name, (Event,), options, lambda body: body.update(__module__="other"))


@pytest.mark.django_db
def test_a_type_is_stored_by_the_name_that_was_chosen() -> None:
    kind = announced(name="parcels.announced")
    publish(kind(parcel=1), stream="parcel-1")
    [stored] = read_stream("parcel-1")
    assert stored.type == "parcels.announced"
    assert load(stored) == parse("parcels.announced", {"parcel": 1}) == kind(parcel=1)


def test_two_apps_may_have_a_class_of_the_same_name() -> None:
    announced(name="post.announced")
    other = elsewhere("ParcelAnnounced", name="air.announced")
    assert registry.event_types["air.announced"].cls is other
    assert registry.problems == []
    elsewhere("Later", name="post.announced")
    [told] = registry.problems
    assert "'post.announced' is declared twice" in told
    assert "give it an own name: class Later(Event, name='my_app.post.announced')" in told


def test_what_was_stored_by_a_former_name_reaches_its_handlers_as_the_class_of_today(
    flow: Flow,
) -> None:
    kind = announced(name="parcels.announced", was=["ParcelAnnounced"], version=2)

    @upcaster(kind, from_version=1, sample={"id": 1})
    def with_parcel(data: dict[str, Any]) -> dict[str, Any]:
        return {"parcel": data["id"]}

    heard: list[Event] = []

    def listen(event: Event) -> None:
        heard.append(event)

    listen.__annotations__ = {"event": kind}
    registry.add_processor(declare("listen", listen))
    publish_old(
        "parcel-1",
        "ParcelAnnounced",
        1,
        {"id": 7},
        correlation_id=uuid7(),
        occurred_at=datetime.now(UTC),
        producer="old code",
    )
    flow.given(kind(parcel=8, city="Rome"), stream="parcel-1").run("listen").nothing_dead()
    assert heard == [kind(parcel=7), kind(parcel=8, city="Rome")]


def test_an_outlet_hands_on_what_was_stored_by_a_former_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outlets, "outlets", {})
    kind = announced(name="parcels.announced", was=["ParcelAnnounced"])
    made = outlets.outlet("announced", broker="probe", to="parcels", types=[kind])
    assert made.hears("ParcelAnnounced", "parcel-1")
    assert made.hears("parcels.announced", "parcel-1")


def test_the_lock_goes_on_to_guard_what_is_stored_by_a_former_name() -> None:
    announced()
    lock = current()
    del registry.event_types["ParcelAnnounced"]
    announced(name="parcels.announced", was=("ParcelAnnounced",))
    assert [one.kind for one in check(lock)] == ["type added"]
    for name in ("ParcelAnnounced", "parcels.announced"):
        del registry.event_types[name]
    announced(name="parcels.announced")
    assert "type renamed or removed" in {one.kind for one in check(lock)}


@pytest.mark.parametrize(
    "options", [{"name": "two words"}, {"name": "x" * 101}, {"was": ("",)}, {"was": "Announced"}]
)
def test_what_can_not_be_a_name_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(RegistrationError, match="a name is 1 to 100 letters"):
        announced(**options)
