"""The past that a new projection gets is what it would have heard live."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flowdeck import publish
from flowdeck.declare.registry import Processor, registry
from flowdeck.declare.subscribing import declare
from flowdeck.engine.backfill import backfill
from flowdeck.models import Delivery
from flowdeck.verification import verify
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)

STREAMS = ("ear_1", "Ear_2", "EAR_3", "ear-4", "ear", "an-ear_5")


@pytest.fixture
def listening() -> Iterator[Processor]:
    def listen(event: Probed) -> None:
        """Nothing but hear."""

    yield declare("probe.ear", listen, replayable=True, streams="ear_")
    registry.remove_processor("probe.ear")


def heard(processor: Processor) -> list[str]:
    rows = Delivery.objects.filter(processor=processor.name).order_by("event_id")
    return list(rows.values_list("event__stream", flat=True))


def test_a_prefix_of_streams_means_the_same_to_append_backfill_and_verification(
    listening: Processor,
) -> None:
    for stream in STREAMS:
        publish(Probed(n=1), stream=stream)
    assert backfill(listening)
    assert heard(listening) == ["ear_1"]
    registry.add_processor(listening)
    for stream in STREAMS:
        publish(Probed(n=2), stream=stream)
    assert heard(listening) == ["ear_1", "ear_1"]
    assert [
        one for one in verify() if listening.name in one.detail and "lane" not in one.detail
    ] == []
