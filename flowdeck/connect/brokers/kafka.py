"""Kafka, and what speaks its protocol, by an idempotent producer.

Keys keep their order within a topic. What is confirmed is on all replicas that are in step. Options
behind the ``?`` are librdkafka's (``sasl.username=...``), which decide over those given here.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import confluent_kafka
from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, TopicPartition

from flowdeck.connect.brokers import Address
from flowdeck.connect.messages import JSON, MOST, SEND_SECONDS, Incoming, Outgoing, Refusal
from flowdeck.errors import BrokerAway

LARGEST = 1_000_000
_POLL_EVERY = 200  # messages
_LOOK_SECONDS = 10.0  # between two looks for new partitions, and whether somebody answers
_GATHER_SECONDS = 0.02  # for what is there besides the first message
_OURS = frozenset({"largest"})
_FOR_GOOD = {
    KafkaError.MSG_SIZE_TOO_LARGE: "MessageTooLarge",
    KafkaError.RECORD_LIST_TOO_LARGE: "MessageTooLarge",
    KafkaError.INVALID_RECORD: "RecordRefused",
    KafkaError.INVALID_MSG: "RecordRefused",
    KafkaError.TOPIC_EXCEPTION: "NoSuchTopic",
    KafkaError.UNKNOWN_TOPIC_OR_PART: "NoSuchTopic",
    KafkaError._UNKNOWN_TOPIC: "NoSuchTopic",
    KafkaError._UNKNOWN_PARTITION: "NoSuchTopic",
}


def open_sender(address: Address) -> KafkaSender:
    """A producer; it connects when it has something to send."""
    return KafkaSender(address)


def settings(address: Address) -> dict[str, Any]:
    """What producers and consumers have in common."""
    given = {name: value for name, value in address.options.items() if name not in _OURS}
    found = {
        "bootstrap.servers": address.host,
        "client.id": "flowdeck",
        "log_level": 2,  # what matters is raised
        "socket.timeout.ms": int(SEND_SECONDS * 1000 / 2),
        "reconnect.backoff.max.ms": 1000,
        "topic.metadata.refresh.interval.ms": 30_000,
    }
    if address.user:
        found |= {"sasl.username": address.user, "sasl.password": address.password}
    return {**found, **given}


class KafkaSender:
    """Produces with a sequence per partition, so that the broker drops what is repeated."""

    most = 5 * MOST  # a broker confirms batches of its own, and each of ours waits for the last
    every = 0.0

    def __init__(self, address: Address) -> None:
        self._address = address
        self.largest = address.number("largest", LARGEST)
        self._refusals: list[Refusal] = []
        self._fault: KafkaError | None = None
        self._unconfirmed = 0
        self._producer = confluent_kafka.Producer(
            {
                "enable.idempotence": True,
                # No message gives up before the others: all of a batch end when this says so.
                "message.timeout.ms": 0,
                "topic.metadata.propagation.max.ms": int(SEND_SECONDS * 1000 / 2),
                "message.max.bytes": self.largest + 10_000,
                "linger.ms": 2,
                **settings(address),
            }
        )

    def send(self, batch: Sequence[Outgoing]) -> list[Refusal]:
        """See Sender."""
        self._refusals, self._fault, self._unconfirmed = [], None, len(batch)
        end = time.monotonic() + SEND_SECONDS
        for number, one in enumerate(batch):
            self._produce(number, one, end)
        while self._unconfirmed and self._fault is None and (left := end - time.monotonic()) > 0:
            self._producer.poll(min(left, 0.1))
        if self._fault is not None or self._unconfirmed:
            raise self._away(self._fault)
        return sorted(self._refusals)

    def close(self) -> None:
        """See Sender. What was not confirmed is sent again, by whoever goes on."""
        self._producer.purge()
        self._producer.poll(0)

    def _produce(self, number: int, one: Outgoing, end: float) -> None:
        def confirmed(error: KafkaError | None, message: Any) -> None:
            self._unconfirmed -= 1
            if error is not None:
                self._note(number, error)

        headers: Any = [*one.headers("ce_"), ("content-type", JSON)]
        while True:
            try:
                self._producer.produce(
                    one.to, one.data, one.key, headers=headers, on_delivery=confirmed
                )
                break
            except BufferError:  # its queue is full: wait for confirmations
                self._producer.poll(0.05)
                if time.monotonic() > end:
                    raise self._away(None) from None
            except KafkaException as error:
                self._unconfirmed -= 1
                self._note(number, error.args[0])
                break
        if number % _POLL_EVERY == 0:
            self._producer.poll(0)

    def _note(self, number: int, error: KafkaError) -> None:
        name = _FOR_GOOD.get(error.code())
        if name is None:
            self._fault = self._fault or error
        else:
            self._refusals.append(Refusal(number, name, error.str()))

    def _away(self, fault: KafkaError | None) -> BrokerAway:
        said = f"{fault.name()}: {fault.str()}" if fault else "it did not confirm in time."
        return BrokerAway(f"{self._address.shown}: {self._address.cleaned(said)}")


def open_receiver(
    address: Address, source: str, group: str, offsets: Mapping[str, str]
) -> KafkaReceiver:
    """Connect. Raises BrokerAway."""
    return KafkaReceiver(address, source, group, offsets)


class KafkaReceiver:
    """Reads all partitions of a topic, from places of ours on.

    The group gets to know them for those who watch its lag; nobody is ever assigned by it.
    """

    def __init__(
        self, address: Address, source: str, group: str, offsets: Mapping[str, str]
    ) -> None:
        self._address, self._source = address, source
        self._next = {int(part): int(offset) for part, offset in offsets.items()}
        self._known: set[int] = set()
        self._looked_at = 0.0
        self._consumer = confluent_kafka.Consumer(
            {
                "group.id": group,
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "earliest",
                **settings(address),
            }
        )
        try:
            self._look()
        except BrokerAway:
            self.close()
            raise

    def receive(self, most: int, wait: float) -> Sequence[Incoming]:
        """See Receiver."""
        if time.monotonic() - self._looked_at > _LOOK_SECONDS:
            self._look()
        # It waits until it has as many as it is asked for: only the first one is worth that.
        found = self._consumer.consume(1, wait)
        if found and most > 1:
            found += self._consumer.consume(min(most - 1, 10_000), _GATHER_SECONDS)
        for one in found:
            if (error := one.error()) is not None:
                raise self._away(error)
        return [self._message(one) for one in found]

    def done(self) -> None:
        """See Receiver. Not waited for: our own places are what counts."""
        offsets = [TopicPartition(self._source, part, at) for part, at in self._next.items()]
        if offsets:
            self._consumer.commit(offsets=offsets, asynchronous=True)

    def waiting(self) -> int:
        """See Receiver. As the last answers told: asking waits for a fetch, in each partition."""
        left = 0
        for part in self._known:
            where = TopicPartition(self._source, part)
            low, high = self._consumer.get_watermark_offsets(where, cached=True)
            left += max(0, high - max(0, low, self._next.get(part, 0)))
        return left

    def close(self) -> None:
        """See Receiver."""
        self._consumer.close()

    def _look(self) -> None:
        try:
            topic = self._consumer.list_topics(self._source, timeout=SEND_SECONDS)
        except KafkaException as error:
            raise self._away(error.args[0]) from error
        found = topic.topics[self._source]
        if found.error is not None:
            raise self._away(found.error)
        self._looked_at = time.monotonic()
        if new := sorted(found.partitions.keys() - self._known):
            self._consumer.incremental_assign(
                [
                    TopicPartition(self._source, part, self._next.get(part, OFFSET_BEGINNING))
                    for part in new
                ]
            )
            self._known.update(new)

    def _message(self, one: Any) -> Incoming:
        headers = {
            name.lower().removeprefix("ce_"): (value or b"").decode(errors="replace")
            for name, value in one.headers() or ()
        }
        part, offset = one.partition(), one.offset()
        self._next[part] = offset + 1
        place = f"{part}@{offset}"
        return Incoming(headers, one.value() or b"", str(part), place, str(offset + 1))

    def _away(self, error: KafkaError) -> BrokerAway:
        said = f"{error.name()}: {error.str()}"
        return BrokerAway(f"{self._address.shown}: {self._address.cleaned(said)}")
