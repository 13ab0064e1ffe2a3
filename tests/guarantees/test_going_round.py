"""An event that causes itself ends as a dead letter that says so, and rings an alarm."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps

from flowdeck import Delivery as Delivered
from flowdeck import Draft, publish
from flowdeck.alerts import watch
from flowdeck.engine import drain
from flowdeck.models import AlertRule, Delivery, Event
from tests.probe import processors
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)

KINDS = ["probe.atomic", "probe.leased", "probe.batch"]
MOST = 5


def go_round(
    monkeypatch: pytest.MonkeyPatch, kind: str, on: Callable[[Probed, Delivered], None]
) -> None:
    def behave(event: Probed, delivery: Delivered) -> None:
        if delivery.processor == kind:
            on(event, delivery)

    monkeypatch.setattr(processors, "behave", behave)


def emit_it_again(event: Probed, delivery: Delivered) -> None:
    delivery.emit(Probed(n=event.n + 1))


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_that_causes_itself_ends(
    kind: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.FLOWDECK = {**settings.FLOWDECK, "MAX_HOPS": MOST}
    go_round(monkeypatch, kind, emit_it_again)
    publish(Probed(n=0), stream="round")
    publish(Probed(n=MOST - 1), stream="round-2")  # a trace of its own: it has all of its length
    drain.drain_all(2_000)
    assert list(
        Event.objects.filter(stream="round").order_by("sequence").values_list("data__n", flat=True)
    ) == list(range(MOST + 1))
    letter = Delivery.objects.get(processor=kind, state="dead", event__stream="round")
    failure = letter.failures.get()
    assert (failure.error, failure.outcome) == ("TraceTooDeep", "rejected")
    assert "Probed would be effect 6 in a row in the trace" in failure.message
    assert "Does Probed cause itself?" in failure.message
    assert "FLOWDECK['MAX_HOPS']" in failure.message
    letters = Delivery.objects.filter(state="dead")
    assert letters.count() == 2
    assert letters.values("fingerprint").distinct().count() == 1


def test_what_a_handler_publishes_counts_too(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.FLOWDECK = {**settings.FLOWDECK, "MAX_HOPS": MOST}
    go_round(monkeypatch, "probe.leased", lambda event, _: publish(Probed(n=event.n + 1)) and None)
    publish(Probed(n=0), stream="round")
    drain.drain_all(2_000)
    assert Event.objects.count() == MOST + 1


def test_a_trace_of_its_own_begins_anew(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.FLOWDECK = {**settings.FLOWDECK, "MAX_HOPS": 2}

    def begin_anew(event: Probed, delivery: Delivered) -> None:
        if event.n < 6:
            publish(Draft(Probed(n=event.n + 1), correlation_id=delivery.envelope.id))

    go_round(monkeypatch, "probe.leased", begin_anew)
    publish(Probed(n=0), stream="round")
    drain.drain_all(2_000)
    assert Event.objects.count() == 7
    assert not Delivery.objects.filter(state="dead").exists()


def test_everybody_is_alarmed_without_having_asked(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.FLOWDECK = {**settings.FLOWDECK, "MAX_HOPS": MOST}
    import_module("flowdeck.migrations.0005_traces_that_go_round")._add_rule(apps, None)
    go_round(monkeypatch, "probe.leased", emit_it_again)
    watch.look()
    assert AlertRule.objects.get().firing_since is None
    publish(Probed(n=0), stream="round")
    drain.drain_all(2_000)
    AlertRule.objects.update(looked_at=None)
    watch.look()
    rule = AlertRule.objects.get()
    assert rule.firing_since is not None
    assert rule.about == "probe.leased"
    assert Event.objects.filter(type="AlertFired").count() == 1
