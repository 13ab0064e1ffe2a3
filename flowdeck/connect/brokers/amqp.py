"""RabbitMQ, with publisher confirms that are not waited for one by one.

Messages go to ``exchange=`` (the default one, so ``to`` is the name of a queue) and must reach a
queue: what can't be routed is refused. With ``declare=quorum`` the queues are made, as durable
quorum queues; else whoever runs the broker makes them. Messages keep the order of the queue.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import amqp
from amqp.exceptions import AMQPError, PreconditionFailed

from flowdeck.connect.brokers import Address
from flowdeck.connect.messages import MOST, SEND_SECONDS, STRUCTURED, Incoming, Outgoing, Refusal
from flowdeck.errors import BrokerAway

LARGEST = 8 * 1024 * 1024
_IN_FLIGHT = 500  # many more only fill the broker's memory
_FAULTS = (AMQPError, OSError, EOFError)
_PREFETCH = 2_000
_PORTS = {"amqp": 5672, "amqps": 5671}


def open_sender(address: Address) -> AmqpSender:
    """Connect. Raises BrokerAway."""
    return AmqpSender(address)


class AmqpSender:
    """One connection with one channel in confirm mode."""

    most = MOST
    every = 0.0

    def __init__(self, address: Address) -> None:
        self._address = address
        self._exchange = address.options.get("exchange", "")
        self._declares = address.options.get("declare") == "quorum"
        self._known: set[str] = set()
        self.largest = address.number("largest", LARGEST)
        self._published = 0
        self._waiting: dict[int, int] = {}  # by delivery tag the index in the batch
        self._returned: dict[str, str] = {}  # by message id what was said
        self._nacked = False
        self._connection = connected(address)
        try:
            self._channel = self._connection.channel()
            self._channel.events["basic_ack"].add(self._acked)
            self._channel.events["basic_nack"].add(self._was_nacked)
            self._channel.events["basic_return"].add(self._was_returned)
            self._channel.confirm_select()
        except _FAULTS as error:
            self.close()
            raise away(address, error) from error

    def send(self, batch: Sequence[Outgoing]) -> list[Refusal]:
        """See Sender."""
        end = time.monotonic() + SEND_SECONDS
        self._returned.clear()
        try:
            for number, one in enumerate(batch):
                self._publish(number, one)
                while len(self._waiting) >= _IN_FLIGHT:
                    self._listen(end)
            while self._waiting:
                self._listen(end)
        except _FAULTS as error:
            raise away(self._address, error) from error
        if self._nacked:
            raise BrokerAway(f"{self._address.shown}: a queue takes no more; it is full.")
        return [
            Refusal(number, "NoSuchQueue", self._returned[one.id])
            for number, one in enumerate(batch)
            if one.id in self._returned
        ]

    def close(self) -> None:
        """See Sender."""
        hang_up(self._connection)

    def _publish(self, number: int, one: Outgoing) -> None:
        if self._declares and one.to not in self._known:
            declare(self._channel, one.to)
            self._known.add(one.to)
        message = amqp.Message(
            one.structured(),
            content_type=STRUCTURED,
            delivery_mode=2,
            message_id=one.id,
            type=str(one.attributes["type"]),
            application_headers={"orderkey": one.key, **one.trace_header},
        )
        self._published += 1
        self._waiting[self._published] = number
        self._channel.basic_publish(message, self._exchange, one.to, mandatory=True)

    def _listen(self, end: float) -> None:
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError("it did not confirm in time")
        self._connection.drain_events(timeout=left)

    def _acked(self, tag: int, multiple: bool) -> None:
        if not multiple:
            self._waiting.pop(tag, None)
            return
        while self._waiting and (first := next(iter(self._waiting))) <= tag:  # in their order
            del self._waiting[first]

    def _was_nacked(self, tag: int, multiple: bool) -> None:
        self._nacked = True
        self._acked(tag, multiple)

    def _was_returned(self, error: Any, exchange: str, key: str, message: Any) -> None:
        said = f"No queue takes what is sent to {key or exchange!r}."
        self._returned[message.properties.get("message_id", "")] = said


def open_receiver(
    address: Address, source: str, group: str, offsets: Mapping[str, str]
) -> AmqpReceiver:
    """Connect. The queue keeps what was not acknowledged, so no places are. Raises BrokerAway."""
    return AmqpReceiver(address, source)


class AmqpReceiver:
    """Consumes a queue; all that was received is acknowledged at once."""

    def __init__(self, address: Address, source: str) -> None:
        self._address, self._source = address, source
        self._came = deque[Any]()
        self._last = 0  # delivery tag of what was handed out
        self._acked = 0
        self._connection = connected(address)
        try:
            self._channel = self._connection.channel()
            if address.options.get("declare") == "quorum":
                declare(self._channel, source)
            self._channel.basic_qos(0, _PREFETCH, False)
            self._channel.basic_consume(source, callback=self._came.append)
        except _FAULTS as error:
            self.close()
            raise away(address, error) from error

    def receive(self, most: int, wait: float) -> Sequence[Incoming]:
        """See Receiver."""
        end = time.monotonic() + wait
        try:
            while len(self._came) < most:
                # What is on its way is taken along; only the first one is waited for.
                left = 0.005 if self._came else end - time.monotonic()
                if left <= 0:
                    break
                try:
                    self._connection.drain_events(timeout=left)
                except TimeoutError:
                    break
        except _FAULTS as error:
            raise away(self._address, error) from error
        return [self._message(self._came.popleft()) for _ in range(min(most, len(self._came)))]

    def done(self) -> None:
        """See Receiver."""
        if self._last == self._acked:
            return
        try:
            self._channel.basic_ack(self._last, multiple=True)
        except _FAULTS as error:
            raise away(self._address, error) from error
        self._acked = self._last

    def waiting(self) -> int:
        """See Receiver. Asks the queue, so it notices too that nobody answers any more."""
        try:
            told = self._channel.queue_declare(self._source, passive=True)
        except _FAULTS as error:
            raise away(self._address, error) from error
        return int(told.message_count) + len(self._came)

    def close(self) -> None:
        """See Receiver."""
        hang_up(self._connection)

    def _message(self, one: Any) -> Incoming:
        self._last = one.delivery_tag
        headers = {
            name.lower().removeprefix("cloudevents:").removeprefix("cloudevents_"): str(value)
            for name, value in (one.properties.get("application_headers") or {}).items()
        }
        headers["content-type"] = str(one.properties.get("content_type") or "")
        body = one.body if isinstance(one.body, bytes) else str(one.body).encode()
        return Incoming(headers, body)


def connected(address: Address) -> Any:
    """A connection. Raises BrokerAway."""
    connection = amqp.Connection(
        host=address.host if ":" in address.host else f"{address.host}:{_PORTS[address.scheme]}",
        userid=address.user or "guest",
        password=address.password or "guest",
        virtual_host=address.path[1:] or "/",
        ssl=address.scheme == "amqps",
        connect_timeout=SEND_SECONDS,
        read_timeout=SEND_SECONDS,
        write_timeout=SEND_SECONDS,
        client_properties={"connection_name": "flowdeck"},
    )
    try:
        connection.connect()
    except _FAULTS as error:
        hang_up(connection)
        raise away(address, error) from error
    return connection


def declare(channel: Any, queue: str) -> None:
    """Make a durable quorum queue, unless it is there already, of whatever kind."""
    try:
        channel.queue_declare(queue, durable=True, auto_delete=False, arguments=_QUORUM)
    except PreconditionFailed as error:
        raise OSError(f"the queue {queue!r} is there, and is no quorum queue") from error


_QUORUM = {"x-queue-type": "quorum"}


def hang_up(connection: Any) -> None:
    """End a connection without a farewell that nobody may answer."""
    try:
        connection.collect()
    except (OSError, AMQPError):
        return


def away(address: Address, error: BaseException) -> BrokerAway:
    """What a client raised, as what it means here."""
    said = str(error) or type(error).__name__
    return BrokerAway(f"{address.shown}: {address.cleaned(said)}")
