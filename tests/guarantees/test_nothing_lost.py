"""Invariant 3: whatever is killed, every delivery ends done, dead or discarded.

Here single processes die for real; a whole system under load is shot at by ``make drill``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from flowdeck import publish
from flowdeck.bells import bell
from flowdeck.declare.registry import registry
from flowdeck.engine import batch, drain, leases, settling, sweep
from flowdeck.models import Attempt, Delivery, Lane
from flowdeck.testing import settle
from tests.guarantees.forked import in_a_process
from tests.guarantees.leases import run_out
from tests.polling import eventually
from tests.probe.events import Probed
from tests.probe.models import Effect

pytestmark = pytest.mark.django_db(transaction=True)


def drained(name: str) -> Callable[[], object]:
    return lambda: drain.drain(registry.processor(name))


@pytest.mark.parametrize(
    ("name", "step"),
    [
        *product(["probe.atomic", "probe.batch"], ["take", "append", "finish", "tell"]),
        *product(["probe.leased"], ["fetch", "lock", "append", "finish", "tell"]),
    ],
)
def test_a_process_killed_at_a_step_loses_and_doubles_nothing(name: str, step: str) -> None:
    publish(*[Probed(n=n, echoes=1) for n in range(3)], stream="probe-1")

    def killed() -> None:
        where = {"append": settling, "lock": leases}.get(step, batch)
        real = getattr(where, step)

        def dies(*args: object, **kwargs: object) -> None:
            real(*args, **kwargs)
            os._exit(9)

        setattr(where, step, dies)
        drain.drain(registry.processor(name))

    assert in_a_process(killed) == 9
    run_out()
    settle()
    assert set(Delivery.objects.values_list("state", flat=True)) == {"done"}
    assert Effect.objects.filter(processor="probe.atomic").count() == 3


@pytest.mark.crowd
@pytest.mark.parametrize("name", ["probe.atomic", "probe.leased", "probe.batch"])
def test_a_handler_that_kills_its_process_becomes_a_dead_letter(name: str) -> None:
    publish(Probed(n=1), stream="before")
    publish(Probed(n=2, dies=name), stream="deadly")
    publish(Probed(n=3), stream="after")
    deaths = 0
    for _ in range(12):
        deaths += in_a_process(drained(name)) == 9
        run_out()  # and a noted suspect is surely dead
        Lane.objects.exclude(suspected_at=None).update(
            suspected_at=datetime.now(UTC) - timedelta(seconds=10)
        )
        if Delivery.objects.filter(processor=name, state="dead").exists():
            break
    in_a_process(drained(name))
    buried = Delivery.objects.get(processor=name, state="dead")
    assert buried.event.stream == "deadly"
    assert Attempt.objects.get(event=buried.event_id, processor=name).outcome == "died"
    assert 1 <= deaths <= 6
    done = Delivery.objects.filter(processor=name, state="done")
    assert {delivery.event.stream for delivery in done} == {"before", "after"}


def test_work_goes_on_without_any_bell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis is away: the sweep of a worker does the work from the database alone."""
    monkeypatch.setattr(bell, "ring", lambda names, wait=False: False)
    publish(Probed(n=1), stream="probe-1")
    assert "probe.atomic" in sweep.due_processors()
    sweep.sweep()
    assert set(Delivery.objects.values_list("state", flat=True)) == {"done"}
    assert sweep.due_processors() == []


def test_the_sweep_rings_for_what_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    publish(Probed(n=1), stream="probe-1")
    rung: list[str] = []
    monkeypatch.setattr(bell, "ring", lambda names, wait=False: rung.extend(names) or True)
    sweep.sweep()
    assert "probe.atomic" in rung
    assert Delivery.objects.filter(state="pending").exists()  # ringing is all it does


def test_the_sweep_works_itself_when_bells_ring_and_nobody_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The broker took the bell and lost it, or its consumers are deaf."""
    monkeypatch.setattr(bell, "ring", lambda names, wait=False: True)
    publish(Probed(n=1), stream="probe-1")

    def swept() -> bool:
        sweep.sweep()
        return set(Delivery.objects.values_list("state", flat=True)) == {"done"}

    assert not swept()  # at first others get the time to answer
    eventually(swept)
    sweep.sweep()
    assert sweep.due_processors() == []
