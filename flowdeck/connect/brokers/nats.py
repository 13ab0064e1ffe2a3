"""NATS JetStream: subjects of streams that whoever runs the broker has made.

A message is confirmed once its stream has it; the id of the event is its ``Nats-Msg-Id``, so what
is sent again within the stream's window is dropped there. The client knows asyncio only, so each
connection has a thread with a loop of its own, which also answers the server's pings.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import MaxPayloadError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, Header
from nats.js.client import NO_RESPONDERS_STATUS
from nats.js.errors import NotFoundError

from flowdeck.connect.brokers import Address
from flowdeck.connect.messages import JSON, MOST, SEND_SECONDS, Incoming, Outgoing, Refusal
from flowdeck.errors import BrokerAway

_WRITTEN = 100  # messages that are written together
_ROOM = 1_024  # bytes of a message's own form, beyond headers and data
_FAULTS = (NatsError, OSError, TimeoutError)
Returned = TypeVar("Returned")


class _Line:
    """A connection, and the thread in which it lives."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._loop = asyncio.new_event_loop()
        self._gone = self._loop.create_future()
        self._thread = threading.Thread(target=self._loop.run_forever, name="nats", daemon=True)
        self._thread.start()
        try:
            self.client = self.run(self._connected(), SEND_SECONDS)
        except BrokerAway:
            self._end()
            raise
        self.stream: JetStreamContext = self.client.jetstream(timeout=SEND_SECONDS)

    def run(self, work: Coroutine[Any, Any, Returned], seconds: float) -> Returned:
        """What ``work`` returns, unless the line breaks meanwhile. Raises BrokerAway."""
        done = asyncio.run_coroutine_threadsafe(self._unbroken(work, seconds), self._loop)
        try:
            return done.result()
        except _FAULTS as error:
            raise self.away(error) from error

    async def _unbroken(self, work: Coroutine[Any, Any, Returned], seconds: float) -> Returned:
        task = asyncio.ensure_future(work)
        await asyncio.wait({task, self._gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        task.cancel()
        await asyncio.wait({task}, timeout=seconds)
        raise ConnectionError("the connection is gone") if self._gone.done() else TimeoutError

    def away(self, error: BaseException) -> BrokerAway:
        said = str(error).removeprefix("nats: ") or "it does not answer"
        return BrokerAway(f"{self._address.shown}: {self._address.cleaned(said)}")

    def close(self) -> None:
        with suppress(BrokerAway):  # it is gone already
            self.run(self.client.close(), 1.0)
        self._end()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(SEND_SECONDS)
        if not self._thread.is_alive():
            self._loop.close()

    async def _connected(self) -> Client:
        async def silent(error: Exception) -> None:
            """It is told where it matters: by what was under way."""

        async def gone() -> None:
            if not self._gone.done():
                self._gone.set_result(None)

        client = Client()
        try:
            await client.connect(
                f"{self._address.scheme}://{self._address.host}",
                name="flowdeck",
                user=self._address.user or None,
                password=self._address.password or None,
                user_credentials=self._address.options.get("creds"),
                allow_reconnect=False,
                connect_timeout=int(SEND_SECONDS),
                error_cb=silent,
                disconnected_cb=gone,
                closed_cb=gone,
            )
        except BaseException:
            await client.close()
            raise
        return client


def open_sender(address: Address) -> NatsSender:
    """Connect. Raises BrokerAway."""
    return NatsSender(address)


class NatsSender:
    """Publishes a batch at once, and hears its confirmations at an inbox of its own.

    The client could wait for them, too, at twice the cost of a message.
    """

    most = MOST
    every = 0.0

    def __init__(self, address: Address) -> None:
        self._line = _Line(address)
        self._inbox = self._line.client.new_inbox()
        self._listens = False
        self._sent = 0
        self._waiting: dict[str, int] = {}  # by where its confirmation comes the index in the batch
        self._refusals: list[Refusal] = []
        self._fault = ""
        taken = self._line.client.max_payload - _ROOM
        self.largest = min(address.number("largest", taken), taken)

    def send(self, batch: Sequence[Outgoing]) -> list[Refusal]:
        """See Sender."""
        self._line.run(self._published(batch), SEND_SECONDS)
        if self._fault:
            raise self._line.away(OSError(self._fault))
        return sorted(self._refusals)

    def close(self) -> None:
        """See Sender."""
        self._line.close()

    async def _published(self, batch: Sequence[Outgoing]) -> None:
        if not self._listens:
            await self._line.client.subscribe(f"{self._inbox}.*", cb=self._answered)
            self._listens = True
        self._refusals, self._fault = [], ""
        self._all = asyncio.get_running_loop().create_future()
        replies = [f"{self._inbox}.{self._sent + at}" for at in range(len(batch))]
        self._sent += len(batch)
        self._waiting = {reply: at for at, reply in enumerate(replies)}
        for at, (one, reply) in enumerate(zip(batch, replies, strict=True), 1):
            headers = {**dict(one.headers("ce-")), "content-type": JSON, "Nats-Msg-Id": one.id}
            try:
                await self._line.client.publish(one.to, one.data.encode(), reply, headers)
            except MaxPayloadError:
                self._settle(reply, "MessageTooLarge", "The broker takes less.")
            if at % _WRITTEN == 0:
                await asyncio.sleep(0)  # the broker begins with these meanwhile
        if batch:
            await self._all

    async def _answered(self, answer: Msg) -> None:
        if (answer.headers or {}).get(Header.STATUS) == NO_RESPONDERS_STATUS:
            self._settle(answer.subject, "NoSuchStream", "No stream takes what is sent there.")
            return
        if b'"error"' in answer.data and (said := json.loads(answer.data).get("error")):
            self._fault = str(said.get("description") or said)
        self._settle(answer.subject)

    def _settle(self, reply: str, error: str = "", reason: str = "") -> None:
        at = self._waiting.pop(reply, None)
        if at is None:
            return  # of a batch that was given up
        if error:
            self._refusals.append(Refusal(at, error, reason))
        if not self._waiting and not self._all.done():
            self._all.set_result(None)


def open_receiver(
    address: Address, source: str, group: str, offsets: Mapping[str, str]
) -> NatsReceiver:
    """Connect. Places are ours, so the consumer lives as long as we do. Raises BrokerAway."""
    return NatsReceiver(address, source, offsets)


class NatsReceiver:
    """Pulls the messages of a subject from a place of its stream on."""

    def __init__(self, address: Address, source: str, offsets: Mapping[str, str]) -> None:
        self._line = _Line(address)
        self._last: Msg | None = None
        try:
            self._stream, self._pulled = self._line.run(
                self._subscribed(source, offsets), SEND_SECONDS
            )
        except BrokerAway:
            self._line.close()
            raise

    def receive(self, most: int, wait: float) -> Sequence[Incoming]:
        """See Receiver."""
        found = self._line.run(self._fetched(most, wait), wait + SEND_SECONDS)
        self._last = found[-1] if found else self._last
        return [self._message(one) for one in found]

    def done(self) -> None:
        """See Receiver."""
        if self._last is not None:
            self._line.run(self._last.ack(), SEND_SECONDS)
            self._last = None

    def waiting(self) -> int:
        """See Receiver."""
        told = self._line.run(self._pulled.consumer_info(), SEND_SECONDS)
        return int(told.num_pending or 0)

    def close(self) -> None:
        """See Receiver."""
        self._line.close()

    async def _subscribed(
        self, source: str, offsets: Mapping[str, str]
    ) -> tuple[str, JetStreamContext.PullSubscription]:
        streams = self._line.stream
        try:
            name = await streams.find_stream_name_by_subject(source)
        except NotFoundError as error:
            raise OSError(f"no stream has the subject {source!r}") from error
        place = offsets.get(name)
        config = ConsumerConfig(
            ack_policy=AckPolicy.ALL,
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE if place else DeliverPolicy.ALL,
            opt_start_seq=int(place) if place else None,
        )
        return name, await streams.pull_subscribe(source, stream=name, config=config)

    async def _fetched(self, most: int, wait: float) -> list[Msg]:
        try:
            return await self._pulled.fetch(most, timeout=wait)
        except TimeoutError:
            return []

    def _message(self, one: Msg) -> Incoming:
        given = {name.lower(): value for name, value in (one.headers or {}).items()}
        headers = {name.removeprefix("ce-"): value for name, value in given.items()}
        place = one.metadata.sequence.stream
        return Incoming(headers, one.data, self._stream, str(place), str(place + 1))
