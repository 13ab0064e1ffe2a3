"""How much one batch takes."""

from __future__ import annotations

from typing import Any

import pytest

from flowdeck import publish
from flowdeck.declare.registry import registry
from flowdeck.engine import batch, drain, lanes
from flowdeck.models import Delivery
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)

KINDS = ["probe.atomic", "probe.leased"]


def done(kind: str) -> int:
    return Delivery.objects.filter(processor=kind, state="done").count()


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_of_slow_handlers_ends_when_its_time_is_up(kind: str, settings: Any) -> None:
    settings.FLOWDECK = {**settings.FLOWDECK, "BATCH_SECONDS": 0.0}
    publish(*[Probed(n=n) for n in range(5)], stream="probe-1")
    claim = lanes.claim(registry.processor(kind), 1)
    assert claim is not None
    batch.run(registry.processor(kind), claim, 5)
    assert done(kind) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_takes_no_more_than_its_limit(kind: str) -> None:
    publish(*[Probed(n=n) for n in range(5)], stream="probe-1")
    claim = lanes.claim(registry.processor(kind), 1)
    assert claim is not None
    batch.run(registry.processor(kind), claim, 3)
    assert done(kind) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_a_drain_goes_on_until_nothing_is_due(kind: str, settings: Any) -> None:
    settings.FLOWDECK = {**settings.FLOWDECK, "BATCH_SECONDS": 0.0}
    publish(*[Probed(n=n) for n in range(5)], stream="probe-1")
    assert drain.drain(registry.processor(kind), seconds=30) == 5
