"""Pausing and resuming a processor."""

from __future__ import annotations

import pytest

from flowdeck import publish
from flowdeck.declare.registry import registry
from flowdeck.engine import drain, pause
from flowdeck.errors import UnknownProcessor
from flowdeck.models import Delivery
from flowdeck.testing import settle
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)


def states(processor: str) -> list[str]:
    return list(Delivery.objects.filter(processor=processor).values_list("state", flat=True))


def test_a_paused_processor_waits_and_others_go_on() -> None:
    assert pause.pause("probe.atomic", by="operator", reason="maintenance")
    publish(Probed(n=1), stream="probe-1")
    settle()
    assert drain.drain(registry.processor("probe.atomic")) == 0  # although a bell still rang
    assert states("probe.atomic") == ["pending"]
    assert states("probe.batch") == ["done"]
    assert pause.resume("probe.atomic", by="operator")
    settle()
    assert states("probe.atomic") == ["done"]


def test_pausing_twice_changes_nothing() -> None:
    assert pause.pause("probe.atomic", by="first", reason="mine")
    assert not pause.pause("probe.atomic", by="second", reason="mine too")
    assert pause.resume("probe.atomic", by="first")
    assert not pause.resume("probe.atomic", by="first")


def test_an_unknown_processor_is_named() -> None:
    with pytest.raises(UnknownProcessor, match=r"'nonsense'.*Declared: "):
        pause.pause("nonsense", by="x", reason="y")
