"""The intake: what an inlet does, a batch at a time.

Receive -> map -> one transaction: what is new into the log, and the offsets -> tell the broker. Who
dies anywhere in between gets the same messages again, and finds what is in the log by its ids.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from flowdeck.connect import brokers, lease
from flowdeck.connect.lease import Lease
from flowdeck.connect.mapping import Inlet
from flowdeck.connect.messages import Incoming, Receiver
from flowdeck.connect.taking import accepted, append_new, made_of
from flowdeck.database import transaction
from flowdeck.declare.event import Draft
from flowdeck.errors import PublishError
from flowdeck.models import Connector, InletOffset

_WAIT = 0.5  # seconds for a first message
_COUNT_SECONDS = 5.0


def run(inlet: Inlet, stopping: threading.Event) -> bool:
    """Take messages in as they come until told to stop; False if somebody else has the lease.

    Returns as well when it is paused or loses the lease. Raises the database's errors.
    """
    create(inlet)
    return lease.followed(inlet.name, lambda taken: Intake(inlet, taken), stopping)


def run_once(inlet: Inlet) -> int:
    """Take in what is there by now; how many messages that were.

    0 if somebody else has the lease. Raises BrokerAway.
    """
    create(inlet)
    return lease.worked_off(inlet.name, lambda taken: Intake(inlet, taken))


def create(inlet: Inlet) -> None:
    """Make the inlet's row, unless it is there."""
    if not Connector.objects.filter(pk=inlet.name).exists():
        Connector.objects.get_or_create(pk=inlet.name)


class Intake:
    """An inlet under way, by whoever has its lease. ``moved`` counts what was taken in."""

    longest_pause = 0.0  # a step waits for messages itself

    def __init__(self, inlet: Inlet, taken: Lease) -> None:
        self._inlet, self._lease = inlet, taken
        self._receiver: Receiver | None = None
        self._counted_at = 0.0
        self.moved = 0

    def step(self) -> int:
        """Take in the next messages; how many there were. Raises BrokerAway or LeaseLost."""
        self._lease.secure()
        if self._receiver is None:
            self._receiver = self._connected()
        messages = self._receiver.receive(self._inlet.batch, _WAIT)
        if messages:
            self._take_in(messages)
            self._receiver.done()
        self._count(self._receiver)
        self.moved += len(messages)
        return len(messages)

    def close(self) -> None:
        """Hang up."""
        if self._receiver is not None:
            self._receiver.close()
            self._receiver = None

    def _connected(self) -> Receiver:
        offsets = InletOffset.objects.filter(inlet=self._inlet.name)
        known = dict(offsets.values_list("part", "offset"))
        return brokers.receiver(self._inlet.broker, self._inlet.source, self._inlet.group, known)

    def _take_in(self, messages: Sequence[Incoming]) -> None:
        found = [(message, made_of(self._inlet, message)) for message in messages]
        try:
            self._commit(messages, [one for _, some in found for one in some])
        except PublishError:
            # One of them is at fault: each is looked at by itself.
            found = [(one, accepted(self._inlet, one, some)) for one, some in found]
            self._commit(messages, [one for _, some in found for one in some])

    def _commit(self, messages: Sequence[Incoming], made: Sequence[Draft]) -> None:
        places = {message.part: message.next for message in messages if message.next}
        with transaction.atomic():
            self._lease.keep(self._lease.position, len(messages))
            append_new(made)
            InletOffset.objects.bulk_create(
                [
                    InletOffset(inlet=self._inlet.name, part=part, offset=offset)
                    for part, offset in sorted(places.items())
                ],
                update_conflicts=True,
                unique_fields=["inlet", "part"],
                update_fields=["offset"],
            )

    def _count(self, receiver: Receiver) -> None:
        now = time.monotonic()
        if now - self._counted_at < _COUNT_SECONDS:
            return
        self._counted_at = now
        self._lease.note_waiting(receiver.waiting())
