"""Workers say that they are there; those of other queues do, too, and do none of our work."""

from __future__ import annotations

import pytest
from celery import current_app
from celery.signals import heartbeat_sent

from flowdeck import clock
from flowdeck.bells import bell
from flowdeck.engine import signs_of_life
from flowdeck.models import Worker
from flowdeck.observe.overview import alive_workers, other_workers

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_worker_of_other_queues_is_known_and_does_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(signs_of_life, "_said_at", float("-inf"))
    queues = current_app.amqp.queues
    monkeypatch.setattr(queues, "_consume_from", {"mail": queues[bell.queue()]})
    heartbeat_sent.send(sender=None)
    heartbeat_sent.send(sender=None)  # at once again: nothing is written
    (row,) = Worker.objects.all()
    assert (row.queues, row.hears) == ("mail", False)
    now = clock.now()
    assert list(alive_workers(now)) == []
    assert list(other_workers(now)) == [row]


def test_a_worker_that_hears_bells_says_so_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signs_of_life, "_said_at", float("-inf"))
    heartbeat_sent.send(sender=None)  # its sweep says so
    assert not Worker.objects.exists()
    signs_of_life.say_alive(started_at=clock.now())
    (row,) = alive_workers(clock.now())
    assert bell.queue() in row.queues
