"""What a broker refused for good, as dead letters of the console, and what waits behind them.

An outlet that follows the log writes no row for an event, until one is refused: then that one is a
dead letter, and later ones of its key are deliveries that wait for it. The engine hands them on in
order once the letter was dealt with; as long as any is left, the outlet adds to them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from flowdeck import clock, telemetry
from flowdeck.connect.messages import Refusal
from flowdeck.database import connection, transaction
from flowdeck.declare.event import StoredEvent
from flowdeck.declare.registry import slot_of
from flowdeck.declare.states import OVER, UNFINISHED, AttemptOutcome, DeliveryState
from flowdeck.history import tally
from flowdeck.letters import floors
from flowdeck.letters.redelivery import give_again
from flowdeck.models import Attempt, Delivery, Due
from flowdeck.privacy.masking import scrubbed
from flowdeck.processes import worker_name
from flowdeck.sql import DueDelivery, Mark, dialect
from flowdeck.sql.parts import chunked

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class _Cause:
    outcome: str = AttemptOutcome.REJECTED


@dataclass(frozen=True, slots=True)
class _Try:
    due: DueDelivery
    mark: Mark
    failure: _Cause


class Held:
    """The keys of an outlet that wait: known by whoever has its lease, the only one to add any."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._keys = set(waiting_of(name).values_list("key", flat=True).distinct())

    def among(self, events: Sequence[StoredEvent]) -> set[str]:
        """Which keys of these events wait still."""
        suspected = sorted({event.key for event in events} & self._keys)
        still: set[str] = set()
        for keys in chunked(suspected, _CHUNK):
            still.update(waiting_of(self._name).filter(key__in=keys).values_list("key", flat=True))
        self._keys -= set(suspected) - still
        return still

    def add(self, keys: Iterable[str]) -> None:
        """These wait from now on."""
        self._keys.update(keys)


def waiting_of(name: str) -> QuerySet[Due]:
    """What waits of an outlet: its dead letters, and what is behind them."""
    waiting = Q(state__among=UNFINISHED) | Q(state__among=[DeliveryState.DEAD])
    return Due.objects.filter(waiting, processor=name)


def keep(
    name: str, refused: Sequence[tuple[StoredEvent, Refusal]], behind: Sequence[StoredEvent]
) -> None:
    """Write dead letters, and the deliveries that wait for them. Needs an open transaction."""
    events = [*(event for event, _ in refused), *behind]
    floors.lower((name, slot_of(event.key)) for event in events)
    for some in chunked([event.position for event in events], _CHUNK):
        over = Delivery.objects.filter(processor=name, event_id__in=some, state__in=OVER)
        give_again(name, over)  # it was rewound: they were letters before
    rows = [(event.position, event.key, slot_of(event.key)) for event in events]
    with connection.cursor() as cursor:
        dialect().insert_deliveries(cursor, name, rows, DeliveryState.PENDING)
    if refused:
        _bury(name, refused)


def _bury(name: str, refused: Sequence[tuple[StoredEvent, Refusal]]) -> None:
    now, tries = clock.now(), list[_Try]()
    attempts = dict(
        Due.objects.filter(
            processor=name, event_id__in=[event.position for event, _ in refused]
        ).values_list("event_id", "attempts")
    )
    for event, refusal in refused:
        before = attempts[event.position]
        mark = Mark(
            position=event.position,
            state=DeliveryState.DEAD,
            attempts=before + 1,
            due_in=None,
            started_at=now,
            finished_at=now,
            fingerprint=_fingerprint(name, refusal),
        )
        tries.append(_Try(DueDelivery(before, event), mark, _Cause()))
    with connection.cursor() as cursor:
        marks = [one.mark for one in tries]
        dialect().mark(cursor, name, marks, tally.of_attempts(tries))
    Attempt.objects.bulk_create(
        Attempt(
            event_id=event.position,
            processor=name,
            number=one.mark.attempts,
            outcome=AttemptOutcome.REJECTED,
            error=refusal.error,
            message=scrubbed(event.type, event.payload, refusal.reason),
            traceback="",
            frame=f"outlet {name}",
            fingerprint=one.mark.fingerprint or "",
            worker=worker_name(),
            started_at=now,
            finished_at=now,
        )
        for (event, refusal), one in zip(refused, tries, strict=True)
    )
    transaction.on_commit(lambda: _tell(name, refused))


def _fingerprint(name: str, refusal: Refusal) -> str:
    return hashlib.sha256(f"{refusal.error}@outlet {name}".encode()).hexdigest()[:16]


def _tell(name: str, refused: Sequence[tuple[StoredEvent, Refusal]]) -> None:
    dead = str(DeliveryState.DEAD)
    settled = tuple(
        telemetry.SettledDelivery(event.position, dead, event.correlation_id)
        for event, _ in refused
    )
    telemetry.emit(telemetry.Settled(name, settled))
    for event, refusal in refused:
        telemetry.emit(
            telemetry.AttemptFailed(name, event.position, event.correlation_id, refusal.error, dead)
        )
