"""What Kafka has of its own; what all brokers do is in the conformance suites."""

from __future__ import annotations

import confluent_kafka
import pytest

from flowdeck.connect import intake
from tests.flowdeck.connect.brokers import Kafka
from tests.flowdeck.connect.declared import MakeIn, put, taken_in
from tests.polling import eventually

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.parametrize("broker", ["kafka"], indirect=True),
    pytest.mark.long,
]


def test_a_group_that_rebalances_changes_nothing(broker: Kafka, make_in: MakeIn) -> None:
    """Others of the group come and go; what we read is assigned by nobody but us."""
    source = make_in()
    servers = {"bootstrap.servers": broker.url.removeprefix("kafka://"), "log_level": 0}
    words = {"group.id": source.group, "auto.offset.reset": "earliest"}
    for n in range(10):
        put(broker, source.source, n, subject=f"s{n}")
    intake.run_once(source)
    assigned: list[int] = []
    other = confluent_kafka.Consumer({**servers, **words, "enable.auto.commit": True})
    other.subscribe([source.source], on_assign=lambda _, parts: assigned.append(len(parts)))
    eventually(lambda: (other.poll(0.1), assigned)[1])
    for n in range(10, 20):
        put(broker, source.source, n, subject=f"s{n}")
    intake.run_once(source)
    other.poll(0.1)
    other.close()  # it commits places of its own, in our name
    for n in range(20, 30):
        put(broker, source.source, n, subject=f"s{n}")
    intake.run_once(source)
    assert sorted(taken_in()) == list(range(30))
