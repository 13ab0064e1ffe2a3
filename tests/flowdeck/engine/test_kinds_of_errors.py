"""What becomes of a delivery follows from the kind of its error, if its policy says so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flowdeck import Retry, publish
from flowdeck.declare.registry import registry
from flowdeck.engine import drain
from flowdeck.models import Delivery
from tests.probe.events import Probed
from tests.probe.processors import ProbeError

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("kind", ["probe.atomic", "probe.leased"])
def test_an_error_that_is_final_is_a_dead_letter_at_once(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = registry.processors[kind]
    policy = Retry(max_attempts=5, on={ProbeError: "dead"})
    monkeypatch.setitem(registry.processors, kind, replace(declared, retry=policy))
    publish(Probed(fails=9, by=kind), stream="final")
    drain.drain(registry.processor(kind))
    letter = Delivery.objects.get(processor=kind)
    assert (letter.state, letter.attempts) == ("dead", 1)
    assert letter.failures.get().outcome == "rejected"
