"""What goes over a broker, and what the module of each broker offers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

from flowdeck.spans import KEY

SEND_SECONDS = 5.0
"""How long a broker may take to confirm what it was sent; then it counts as away."""
MOST = 1_000
"""Messages of a batch."""
JSON = "application/json"
STRUCTURED = "application/cloudevents+json"

Attributes = Mapping[str, str | bool]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A CloudEvent on its way out: its attributes, and ``data`` as JSON text.

    ``to`` is the topic, queue or stream; messages of one ``key`` keep their order.
    """

    id: str
    to: str
    key: str
    attributes: Attributes
    data: str

    @property
    def size(self) -> int:
        """Bytes of the message, give or take what the broker's own form adds."""
        around = len("".join(self.attributes)) + len("".join(self._texts()))
        around += 8 * len(self.attributes)
        return around + (len(self.data) if self.data.isascii() else len(self.data.encode()))

    def headers(self, prefix: str) -> list[tuple[str, str]]:
        """The attributes of the binary form, each with the broker's prefix.

        The ``traceparent`` also stands alone, where instrumentation of consumers looks for it.
        """
        found = list(zip(_prefixed(prefix, *self.attributes), self._texts(), strict=True))
        if KEY in self.attributes:
            found += self.trace_header.items()
        return found

    def _texts(self) -> Iterable[str]:
        values: Any = self.attributes.values()
        return values if True not in values else [_text(value) for value in values]

    @property
    def trace_header(self) -> dict[str, str]:
        """The ``traceparent`` as a header of its own, if the event carries one."""
        carried = self.attributes.get(KEY)
        return {KEY: str(carried)} if carried else {}

    def structured(self) -> bytes:
        """All of it as one JSON object: the structured form."""
        return f'{json.dumps(self.attributes)[:-1]}, "data": {self.data}}}'.encode()


class Refusal(NamedTuple):
    """The broker will never take this message of the batch, by its number, and says why."""

    at: int
    error: str
    reason: str


class Tried(NamedTuple):
    """How it went with one message: the ``status`` of the answer (0: there was none), what the
    receiver ``said``, and how many ``seconds`` that took."""

    message: Outgoing
    status: int
    said: str
    seconds: float


@runtime_checkable
class Telling(Protocol):
    """A sender that tells how it went with each message."""

    def told(self) -> list[Tried]:
        """All that was tried since it was asked last, in order."""


class Sender(Protocol):
    """A connection that sends. Belongs to one thread, and is closed after any error."""

    most: ClassVar[int]
    """How many messages it can be given at once, so that a batch ends in time."""

    @property
    def every(self) -> float:
        """How many seconds a message may wait for others, where few at a time are bad; mostly 0."""

    @property
    def largest(self) -> int:
        """Bytes of the largest message that it takes."""

    def send(self, batch: Sequence[Outgoing]) -> list[Refusal]:
        """Send the messages in order; return once the broker has confirmed all but the refused.

        Raises BrokerAway if that takes longer than SEND_SECONDS: any part may have arrived then.
        """

    def close(self) -> None:
        """Let go of the connection. Never raises."""


Row = dict[str, Any]
"""How it went with a delivery, by the names of columns."""


class DeliveryFiles(Protocol):
    """Where an outlet of deliveries writes. Belongs to one thread."""

    @property
    def every(self) -> float:
        """How many seconds a row may wait for others."""

    def merge(self, rows: Sequence[Row]) -> None:
        """Write rows, each in place of an older one of its delivery. Raises BrokerAway."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message as a broker has it. ``headers`` are in small letters, without the broker's prefix.

    ``part`` and ``place`` say where it stands, the same whenever it is delivered; ``next`` is from
    where on to read after it. All are empty where the broker keeps no places.
    """

    headers: Mapping[str, str]
    body: bytes
    part: str = ""
    place: str = ""
    next: str = ""


class Receiver(Protocol):
    """A connection that receives. Belongs to one thread, and is closed after any error."""

    def receive(self, most: int, wait: float) -> Sequence[Incoming]:
        """Up to ``most`` messages, those of one part in order; waits so many seconds for the first.

        Raises BrokerAway.
        """

    def done(self) -> None:
        """Tell the broker that all that was received is safe. Raises BrokerAway."""

    def waiting(self) -> int:
        """How many messages are there that were not received. Raises BrokerAway."""

    def close(self) -> None:
        """Let go of the connection; what was not done comes again. Never raises."""


@lru_cache(256)  # there are few combinations, and a batch is mostly of one
def _prefixed(prefix: str, *names: str) -> list[str]:
    return [f"{prefix}{name}" for name in names]


def _text(value: str | bool) -> str:
    return value if isinstance(value, str) else str(value).lower()
