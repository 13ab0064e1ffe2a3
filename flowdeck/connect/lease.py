"""The lease of a connector: who runs it, and up to where it is.

What is written goes through an UPDATE that names the lease's token. So who was frozen past the end
of a lease, or was rewound meanwhile, changes nothing any more.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID, uuid4

from django.db.models import F, Q
from django.db.models.functions import Now

from flowdeck.connect.messages import SEND_SECONDS
from flowdeck.errors import BrokerAway, LeaseLost
from flowdeck.models import Connector
from flowdeck.processes import worker_name

SECONDS = 15.0
"""More than sending may take, and the longest pause after a fault."""
_LONGEST_ERROR = 500
_RATE_SECONDS = 60.0
_SHORTEST_PAUSE = 0.02
LONGEST_REST = 10.0  # seconds after a fault; less than a lease


class Lease:
    """One that was taken. Belongs to one thread."""

    def __init__(self, name: str, token: UUID, position: int) -> None:
        self.name, self.position = name, position
        self._token = token
        self._until = time.monotonic() + SECONDS
        self._moved: deque[tuple[float, int]] = deque()
        self._began = time.monotonic()

    def secure(self) -> None:
        """See to it that there is time enough to send. Raises LeaseLost."""
        if time.monotonic() > self._until - SEND_SECONDS - 1:
            self._write()

    def is_paused(self) -> bool:
        """Whether somebody wants it to stop, who then gets the lease back. Raises LeaseLost."""
        row = Connector.objects.filter(pk=self.name, token=self._token).first()
        if row is None:
            raise self._lost()
        return row.paused_at is not None

    def keep(self, position: int, moved: int) -> None:
        """Write up to where it is, and that it gets on. Raises LeaseLost.

        In a transaction with what belongs to it; the position of the lease is that at once.
        """
        changes: dict[str, Any] = {"position": position, "error": "", "failures": 0}
        if moved:
            changes |= {
                "moved": F("moved") + moved,
                "moved_at": Now(),
                "per_second": self._rate(moved),
            }
        self._write(**changes)
        self.position = position

    def note_fault(self, error: str) -> None:
        """Write since when it does not get on, and why. Raises LeaseLost."""
        said = error.replace("\x00", "\N{REPLACEMENT CHARACTER}")[:_LONGEST_ERROR]
        self._write(error=said, last_error=said, failed_at=Now(), failures=F("failures") + 1)

    def note_waiting(self, count: int) -> None:
        """Write how many messages are there that were not received. Raises LeaseLost."""
        self._write(waiting=count, waiting_at=Now())

    def note_looked(self, at: datetime) -> None:
        """Write from when on what finished late has to be looked for. Raises LeaseLost."""
        self._write(looked_at=at)

    def release(self) -> None:
        """Let others have it at once."""
        ours = Connector.objects.filter(pk=self.name, token=self._token)
        ours.update(token=None, lease_expires_at=None, per_second=0)

    def _write(self, **changes: Any) -> None:
        asked = time.monotonic()
        ours = Connector.objects.filter(pk=self.name, token=self._token)
        if not ours.update(lease_expires_at=Now() + timedelta(seconds=SECONDS), **changes):
            raise self._lost()
        self._until = asked + SECONDS

    def _lost(self) -> LeaseLost:
        return LeaseLost(f"{self.name}: another process has its lease, or it was rewound.")

    def _rate(self, moved: int) -> float:
        now = time.monotonic()
        self._moved.append((now, moved))
        while self._moved[0][0] < now - _RATE_SECONDS:
            self._moved.popleft()
        seconds = min(_RATE_SECONDS, max(1.0, now - self._began))
        return sum(count for _, count in self._moved) / seconds


def take(name: str) -> Lease | None:
    """The lease of a connector that has its row, unless it is paused or somebody has it."""
    token = uuid4()
    free = Q(lease_expires_at=None) | Q(lease_expires_at__lt=Now())
    taken = Connector.objects.filter(free, pk=name, paused_at=None).update(
        token=token,
        lease_expires_at=Now() + timedelta(seconds=SECONDS),
        worker=worker_name(),
    )
    row = Connector.objects.filter(pk=name, token=token).first() if taken else None
    return None if row is None else Lease(name, token, row.position)


def free(names: list[str]) -> list[str]:
    """Those of the connectors that nobody runs and nobody has paused; one query."""
    busy = Connector.objects.filter(
        Q(lease_expires_at__gte=Now()) | Q(paused_at__isnull=False), pk__in=names
    )
    taken = set(busy.values_list("pk", flat=True))
    return [name for name in names if name not in taken]


class Work(Protocol):
    """What is done under a lease. ``moved`` counts the messages.

    ``longest_pause`` is the most seconds between two steps while nothing is there.
    """

    longest_pause: float
    moved: int

    def step(self) -> int:
        """Do a batch; something false once nothing is left. Raises BrokerAway or LeaseLost."""

    def close(self) -> None:
        """Let go of the broker; the next step takes it up again."""


def followed(name: str, begin: Callable[[Lease], Work], stopping: threading.Event) -> bool:
    """Go on with a connector's work until told to stop; False if somebody else has the lease.

    Returns as well when it is paused or loses the lease. Raises the database's errors.
    """
    taken = take(name)
    if taken is None:
        return False
    work = begin(taken)
    try:
        _follow(work, taken, stopping)
    except LeaseLost:
        return True
    finally:
        work.close()
    taken.release()
    return True


def _follow(work: Work, taken: Lease, stopping: threading.Event) -> None:
    """Step by step, with longer and longer rests while the broker is away. Raises LeaseLost."""
    pause, failures = _SHORTEST_PAUSE, 0
    while not stopping.is_set() and not taken.is_paused():
        try:
            pause = _SHORTEST_PAUSE if work.step() else pause * 1.5
            pause, failures = min(pause, work.longest_pause), 0
        except BrokerAway as error:
            work.close()
            taken.note_fault(str(error))
            pause, failures = min(0.5 * 2**failures, LONGEST_REST), failures + 1
        stopping.wait(pause)


def worked_off(name: str, begin: Callable[[Lease], Work]) -> int:
    """Do what there is by now; how many messages that were.

    0 if somebody else has the lease. Raises BrokerAway.
    """
    taken = take(name)
    if taken is None:
        return 0
    work = begin(taken)
    try:
        while work.step():
            pass
    except BrokerAway as error:
        taken.note_fault(str(error))
        raise
    finally:
        work.close()
        taken.release()
    return work.moved
