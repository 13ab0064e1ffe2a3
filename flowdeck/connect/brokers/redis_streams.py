"""Streams of Redis and Valkey.

Messages keep the order of the stream. One is confirmed once the server has it, and as many replicas
as ``replicas=`` says; whether it outlives the server is its ``appendonly`` setting. The stream's
own ids are not those of events: after a failover an id might be given again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import redis

from flowdeck.connect.brokers import Address
from flowdeck.connect.messages import JSON, MOST, SEND_SECONDS, Incoming, Outgoing, Refusal
from flowdeck.errors import BrokerAway

LARGEST = 64 * 1024 * 1024
_COUNTED = 10_000
_NOT_A_STREAM = "WRONGTYPE"


def open_sender(address: Address) -> RedisSender:
    """Connect, to see that somebody answers. Raises BrokerAway."""
    return RedisSender(address)


class RedisSender:
    """Appends to streams, a pipeline for each batch."""

    most = MOST
    every = 0.0

    def __init__(self, address: Address) -> None:
        self._address = address
        self._longest = address.number("maxlen", 0) or None
        self._replicas = address.number("replicas", 0)
        self.largest = address.number("largest", LARGEST)
        self._client = connected(address)

    def send(self, batch: Sequence[Outgoing]) -> list[Refusal]:
        """See Sender."""
        pipeline = self._client.pipeline(transaction=False)
        for one in batch:
            fields = {**dict(one.headers("ce_")), "content-type": JSON, "data": one.data}
            pipeline.xadd(one.to, fields, maxlen=self._longest, approximate=True)  # type: ignore[arg-type]
        if self._replicas:
            pipeline.wait(self._replicas, int(SEND_SECONDS * 1000 / 2))
        try:
            answers = pipeline.execute(raise_on_error=False)
        except (redis.RedisError, OSError) as error:
            raise self._away(error) from error
        if self._replicas and (reached := answers.pop()) != self._replicas:
            raise BrokerAway(
                f"{self._address.shown}: {reached} replicas have what was sent, not "
                f"{self._replicas}."
            )
        return [self._refusal(n, one) for n, one in enumerate(answers) if _is_error(one)]

    def close(self) -> None:
        """See Sender."""
        self._client.close()

    def _refusal(self, at: int, error: Exception) -> Refusal:
        """Whatever else may be wrong (memory, a replica, rights) is not the message's fault."""
        if not str(error).startswith(_NOT_A_STREAM):
            raise self._away(error)
        return Refusal(at, "NotAStream", "Its address holds something else than a stream.")

    def _away(self, error: Exception) -> BrokerAway:
        return BrokerAway(f"{self._address.shown}: {self._address.cleaned(str(error))}")


def open_receiver(
    address: Address, source: str, group: str, offsets: Mapping[str, str]
) -> RedisReceiver:
    """Connect. Places are ours, so there is no consumer group. Raises BrokerAway."""
    return RedisReceiver(address, source, offsets.get("", "0-0"))


class RedisReceiver:
    """Reads a stream from a place of it on."""

    def __init__(self, address: Address, source: str, last: str) -> None:
        self._address, self._source, self._last = address, source, last
        self._client = connected(address)

    def receive(self, most: int, wait: float) -> Sequence[Incoming]:
        """See Receiver."""
        streams: Any = {self._source: self._last}
        try:
            found: Any = self._client.xread(streams, count=most, block=max(1, int(wait * 1000)))
        except (redis.RedisError, OSError) as error:
            raise self._away(error) from error
        messages = [self._message(*one) for _, entries in _pairs(found) for one in entries]
        if messages:
            self._last = messages[-1].next
        return messages

    def done(self) -> None:
        """See Receiver. The server keeps no places of ours."""

    def waiting(self) -> int:
        """See Receiver. Counts no further than ten thousand."""
        try:
            return len(self._client.xrange(self._source, f"({self._last}", count=_COUNTED))  # type: ignore[arg-type]
        except (redis.RedisError, OSError) as error:
            raise self._away(error) from error

    def close(self) -> None:
        """See Receiver."""
        self._client.close()

    def _message(self, id_: bytes, fields: Mapping[bytes, bytes]) -> Incoming:
        place = id_.decode()
        known = {name.decode(errors="replace").lower(): value for name, value in fields.items()}
        body = known.pop("data", b"")
        headers = {
            name.removeprefix("ce_"): value.decode(errors="replace")
            for name, value in known.items()
        }
        return Incoming(headers, body, "", place, place)

    def _away(self, error: Exception) -> BrokerAway:
        return BrokerAway(f"{self._address.shown}: {self._address.cleaned(str(error))}")


def _pairs(found: Any) -> list[Any]:
    """What XREAD answers, by either version of the protocol."""
    return list(found.items()) if isinstance(found, dict) else list(found or ())


def connected(address: Address) -> redis.Redis:
    """A client that has been answered. Raises BrokerAway."""
    client = redis.Redis.from_url(
        address.bare,
        socket_timeout=SEND_SECONDS,
        socket_connect_timeout=SEND_SECONDS,
        decode_responses=False,
    )
    try:
        client.ping()
    except (redis.RedisError, OSError) as error:
        client.close()
        raise BrokerAway(f"{address.shown}: {address.cleaned(str(error))}") from error
    return client


def _is_error(answer: Any) -> bool:
    return isinstance(answer, Exception)
