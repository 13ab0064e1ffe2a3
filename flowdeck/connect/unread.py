"""Messages that could not be taken in: events of their own, whose deliveries are dead letters.

So they are kept with all of their bytes, seen in the console, and taken in by a retry once the
code can read them. The bytes are somebody else's and may say anything about anybody: they are
personal, each message a subject of its own.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated

from flowdeck.conf import conf
from flowdeck.connect.cloudevent import Unreadable, read
from flowdeck.connect.mapping import Inlet, drafts, event_id
from flowdeck.connect.messages import Incoming
from flowdeck.declare.event import Delivery, Draft, Event
from flowdeck.declare.personal import MESSAGE, Personal
from flowdeck.declare.registry import Processor, registry
from flowdeck.declare.retry import Retry
from flowdeck.errors import Reject
from flowdeck.log.append import unknown
from flowdeck.log.publishing import publish

_ROOM = 4_096  # for what is neither headers nor body
_MOST_HEADERS = 16_384  # bytes of all of them
_LONGEST_REASON = 500


class MessageRefused(Event, version=1):
    """A message of another system that could not be taken in.

    ``body`` are its bytes in Base64, as many as there is room for: all of ``size`` if ``whole``.
    """

    inlet: str
    message: str
    place: str
    reason: str
    size: int
    whole: bool
    headers: Annotated[dict[str, str], Personal(subject="message")] = {}
    body: Annotated[str, Personal(subject="message")] = ""


def register(made: Inlet) -> None:
    """Declare the processor that the refused messages of an inlet are letters of."""
    registry.add_processor(
        Processor(
            name=made.name,
            handler=_handler(made),
            subscriptions=(MessageRefused.__event_type__.name,),
            retry=Retry(max_attempts=1),
            on_dead="skip",  # one that can't be read says nothing about the next
            streams=made.stream,
        )
    )


def refused(made: Inlet, message: Incoming, reason: str) -> Draft:
    """The event of a message that could not be taken in; the same whenever it is delivered."""
    digest = hashlib.sha256(message.body + repr(sorted(message.headers.items())).encode())
    name = f"{MESSAGE}{made.name}:{message.place or digest.hexdigest()[:32]}"
    kept, spent = {}, 0
    for header, value in sorted(message.headers.items()):
        spent += 2 * len(header.encode()) + 2 * len(value.encode("utf-8", "replace")) + 8
        if spent > _MOST_HEADERS:
            break
        kept[_printable(header)] = _printable(value)
    room = max(0, conf().MAX_PAYLOAD_BYTES - _ROOM - spent) // 4 * 3  # it is kept in Base64
    whole = len(message.body) <= room and len(kept) == len(message.headers)
    return Draft(
        MessageRefused(
            inlet=made.name,
            message=name,
            place=message.place,
            reason=_printable(reason)[:_LONGEST_REASON],
            size=len(message.body),
            whole=whole,
            headers=kept,
            body=base64.b64encode(message.body[:room]).decode(),
        ),
        stream=made.stream,
        producer=made.name,
        id=event_id(made.name, "refused", name),
    )


def _handler(made: Inlet) -> Callable[..., None]:
    def take_in(event: MessageRefused, delivery: Delivery) -> None:
        if not event.whole:
            raise Reject(f"{event.reason} It had {event.size:,} bytes, of which a part was kept.")
        try:
            message = read(event.headers, base64.b64decode(event.body))
        except Unreadable as error:
            raise Reject(str(error)) from error
        # They go on in the trace of the letter, as its effects.
        found = [
            replace(one, correlation_id=None, causation_id=None) for one in drafts(made, message)
        ]
        if fresh := unknown(found):
            publish(*fresh)

    take_in.__doc__ = f"Messages of {made.source} that could not be taken in."
    take_in.__qualname__ = f"inlet.{made.name}"
    return take_in


def _printable(text: str) -> str:
    found = text.replace("\x00", "\N{REPLACEMENT CHARACTER}")
    return found.encode("utf-8", "replace").decode()
