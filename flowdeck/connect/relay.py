"""The relay: what an outlet that follows the log does, a batch at a time.

Lease -> up to where the log is settled -> read -> send -> one UPDATE of the position. A relay that
dies in between has the next one send a batch again, with the same ids.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from flowdeck import clock
from flowdeck.connect import attempts, brokers, lease, refused
from flowdeck.connect.envelope import messages
from flowdeck.connect.lease import Lease
from flowdeck.connect.messages import Outgoing, Refusal, Sender
from flowdeck.connect.outlets import Outlet, too_large
from flowdeck.connect.refused import Held
from flowdeck.database import connection, transaction
from flowdeck.declare.event import StoredEvent
from flowdeck.errors import BrokerAway, FlowdeckError
from flowdeck.log.horizon import horizon, settled_position
from flowdeck.log.positions import newest_position
from flowdeck.models import Connector
from flowdeck.sql import dialect
from flowdeck.sql.parts import placeholders

MOST = 50_000
"""Messages of a batch, if the broker takes as many."""
_MOST_BYTES = 16 * 1024 * 1024
_STRETCH = 50_000  # positions looked at for events that the outlet hears
_PATIENCE = 0.2  # seconds that appends under way are waited for
_START_PATIENCE = 30.0


def run(outlet: Outlet, stopping: threading.Event) -> bool:
    """Hand on the log as it grows until told to stop; False if somebody else has the lease.

    Returns as well when it is paused or loses the lease. Raises the database's errors.
    """
    create(outlet)
    return lease.followed(outlet.name, lambda taken: Relay(outlet, taken, patient=True), stopping)


def run_once(outlet: Outlet) -> int:
    """Hand on what is settled by now; how many messages were confirmed.

    0 if somebody else has the lease. Raises BrokerAway.
    """
    create(outlet)
    return lease.worked_off(outlet.name, lambda taken: Relay(outlet, taken))


def create(outlet: Outlet) -> None:
    """Make the outlet's row, where it begins to follow the log, unless it is there."""
    if Connector.objects.filter(pk=outlet.name).exists():
        return
    position = 0 if outlet.start == "beginning" else settled_position(_START_PATIENCE)
    if position is None:
        raise FlowdeckError(
            f"{outlet.name} begins at the end of the log, but a transaction has been open for "
            f"{_START_PATIENCE:.0f} s that may still add events there: end it."
        )
    Connector.objects.get_or_create(
        pk=outlet.name, defaults={"position": position, "since": position}
    )


class Relay:
    """An outlet under way, by whoever has its lease. ``moved`` counts what was confirmed.

    A ``patient`` one waits for more events where the broker likes to have many at once.
    """

    longest_pause = 0.25

    def __init__(self, outlet: Outlet, taken: Lease, *, patient: bool = False) -> None:
        self._outlet, self._lease = outlet, taken
        self._held = Held(outlet.name)
        self._sender: Sender | None = None
        self._most = MOST
        self._bound = MOST
        self._patient = patient
        self._due_at = 0.0
        self.moved = 0

    def step(self) -> bool:
        """Send the next events, if there are any; whether there may be more at once.

        Raises BrokerAway, after which everything since the last position is sent again, or
        LeaseLost.
        """
        try:
            more = self._step()
        except BrokerAway:
            self._bound = max(1, min(self._bound, self._most) // 2)  # it may only be slow
            raise
        self._bound = min(self._bound * 2, MOST)
        return more

    def close(self) -> None:
        """Hang up."""
        if self._sender is not None:
            self._sender.close()
            self._sender = None

    def _step(self) -> bool:
        self._lease.secure()
        after = self._lease.position
        there = newest_position() - after
        if there <= 0 or (there < self._most and time.monotonic() < self._due_at):
            return False
        if self._sender is None:
            self._sender = brokers.sender(self._outlet.broker)
            self._most = min(self._sender.most, self._bound)
        upto = min(horizon(after, _PATIENCE).position, after + _STRETCH)
        if upto <= after:
            return False
        events = self._read(after, upto)
        whole = len(events) >= self._most or upto == after + _STRETCH  # no more can come into it
        if events and not whole and self._waits_for_more(self._sender, events[0]):
            return False
        if events:
            self._hand_on(
                self._sender, events, events[-1].position if len(events) == self._most else upto
            )
            self._spare_memory(self._sender, events)
        else:
            self._lease.keep(upto, 0)
        return True

    def _read(self, after: int, upto: int) -> list[StoredEvent]:
        conditions, values = ["position > %s", "position <= %s"], list[object]([after, upto])
        if self._outlet.types:
            conditions.append(f"type IN ({placeholders(self._outlet.types)})")
            values += self._outlet.types
        if self._outlet.streams:
            conditions.append("substr(stream, 1, %s) = %s")
            values += [len(self._outlet.streams), self._outlet.streams]
        where = f"WHERE {' AND '.join(conditions)} ORDER BY position LIMIT {self._most}"
        with connection.cursor() as cursor:
            return dialect().select_events(cursor, where, values)

    def _spare_memory(self, sender: Sender, events: Sequence[StoredEvent]) -> None:
        average = max(1, sum(len(event.data) for event in events) // len(events))
        most = min(sender.most, self._bound)
        self._most = max(1, min(most, _MOST_BYTES // average))

    def _waits_for_more(self, sender: Sender, first: StoredEvent) -> bool:
        """Whether the first has not waited long enough for others."""
        if not (self._patient and sender.every):
            return False
        waited = (clock.now() - first.recorded_at).total_seconds()
        self._due_at = time.monotonic() + sender.every - waited
        return waited < sender.every

    def _hand_on(self, sender: Sender, events: Sequence[StoredEvent], upto: int) -> None:
        held = self._held.among(events)
        batch, refusals, behind = self._sorted_out(sender, events, held)
        self._lease.secure()
        sending = [message for _, message in batch]
        said = attempts.sent(self._outlet.name, sender, sending) if batch else []
        refusals += [(batch[one.at][0], one) for one in said]
        first: dict[str, int] = {}
        for event, _ in refusals:
            first[event.key] = min(event.position, first.get(event.key, event.position))
        not_taken = {event.position for event, _ in refusals}
        # Sent already, but ahead of what it should follow: it is sent again after that.
        early = [
            event
            for event, _ in batch
            if event.position > first.get(event.key, event.position)
            and event.position not in not_taken
        ]
        sent = len(batch) - len(said) - len(early)
        with transaction.atomic():
            if refusals or behind:
                refused.keep(self._outlet.name, refusals, [*early, *behind])
            self._lease.keep(upto, sent)
        self._held.add(first)
        self.moved += sent

    def _sorted_out(
        self, sender: Sender, events: Sequence[StoredEvent], held: set[str]
    ) -> tuple[
        list[tuple[StoredEvent, Outgoing]], list[tuple[StoredEvent, Refusal]], list[StoredEvent]
    ]:
        """What is to be sent, what is too large, and what waits behind such or former ones."""
        batch, refusals, behind = [], list[tuple[StoredEvent, Refusal]](), []
        made = messages(self._outlet.to, self._outlet.personal, events)
        for event, message in zip(events, made, strict=True):
            if event.key in held:
                behind.append(event)
            elif message.size > sender.largest:
                refusals.append((event, too_large(0, message.size, sender.largest)))
                held.add(event.key)
            else:
                batch.append((event, message))
        return batch, refusals, behind
