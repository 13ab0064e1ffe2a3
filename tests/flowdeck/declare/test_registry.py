"""Declaring events and processors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core import checks

from flowdeck import Delivery, Event, publish
from flowdeck.declare.registry import registry
from flowdeck.declare.subscribing import declare
from flowdeck.errors import RegistrationError
from flowdeck.models import Delivery as DeliveryRow
from flowdeck.testing import settle
from tests.probe.events import Echoed, Probed
from tests.probe.models import Effect


def test_subscription_follows_from_the_annotation() -> None:
    def handler(event: Probed | Echoed) -> None:
        """First line."""

    processor = declare("x", handler)
    assert processor.subscriptions == ("Probed", "Echoed")
    assert not processor.wants_delivery
    assert processor.description == "First line."


def no_annotation(event): ...  # type: ignore[no-untyped-def]
def not_an_event(event: int) -> None: ...
def too_many(event: Probed, delivery: Delivery, more: int) -> None: ...


@pytest.mark.parametrize(
    ("handler", "options", "message"),
    [
        (no_annotation, {}, "annotate 'event'"),
        (not_an_event, {}, "annotate 'event'"),
        (too_many, {}, "takes \\(event\\) or"),
        (lambda event: None, {"lanes": 0}, "lanes must be 1 to 1024"),
    ],
)
def test_declarations_that_can_not_work_are_refused(
    handler: Callable[..., Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(RegistrationError, match=message):
        declare("x", handler, **options)


def test_a_nonsense_name_is_refused() -> None:
    with pytest.raises(RegistrationError, match="1 to 64 letters"):
        declare("no spaces", lambda event: None)


def test_events_refuse_nonsense_declarations() -> None:
    with pytest.raises(RegistrationError, match="version must be 1"):

        class Zero(Event, version=0):
            n: int

    with pytest.raises(RegistrationError, match="key='owner' is not one"):

        class Keyless(Event, version=1, key="owner"):
            n: int


def test_duplicates_are_reported_by_check() -> None:
    before = list(registry.problems)
    try:

        class Probed(Event, version=1):
            """Same name as the probe app's event."""

        def other(event: Echoed) -> None: ...

        registry.add_processor(declare("probe.atomic", other))
        messages = [message.msg for message in checks.run_checks(tags=["flowdeck"])]
        assert any("'Probed' is declared twice" in message for message in messages)
        assert any("'probe.atomic' is declared twice" in message for message in messages)
    finally:
        registry.problems[:] = before


@pytest.mark.django_db(transaction=True)
def test_a_new_processor_gets_events_without_a_line_changed_elsewhere() -> None:
    """The probe app is not named anywhere in the engine; another processor joins while it runs."""
    seen: list[int] = []

    def newcomer(event: Probed) -> None:
        seen.append(event.n)

    registry.add_processor(declare("probe.newcomer", newcomer))
    try:
        publish(Probed(n=7), stream="probe-1")
        settle()
    finally:
        registry.remove_processor("probe.newcomer")
    assert seen == [7]
    assert Effect.objects.filter(processor="probe.atomic").count() == 1
    assert DeliveryRow.objects.get(processor="probe.newcomer").state == "done"
