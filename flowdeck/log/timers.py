"""What is to be appended later, and what people and code may still do about it.

Setting a timer is a part of publishing. Whoever changes one that is open takes its row: then it is
still to come, or it has come and there is nothing left to change.
"""

from __future__ import annotations

from datetime import datetime

from flowdeck import clock
from flowdeck.conf import conf
from flowdeck.database import transaction
from flowdeck.log.storable import checked_line, checked_stream, checked_time
from flowdeck.models import Clock, Stream, Timer
from flowdeck.people import audit


def take_back(stream: str, name: str) -> bool:
    """Let the open timer ``name`` of ``stream`` not come; whether there was one.

    Joins the open transaction. Raises InvalidStream or InvalidEnvelope.
    """
    wanted = Timer.objects.filter(
        scope=checked_stream(stream), name=checked_line("timer", name), ended_at=None
    )
    with transaction.atomic():
        # Heads before timers, as whoever publishes.
        list(Stream.objects.select_for_update().filter(pk=stream))
        return bool(
            wanted.update(
                ended_at=clock.now(), ended_as=Timer.End.CANCELLED, ended_by=conf().PRODUCER
            )
        )


def call_off(number: int, *, by: str, reason: str) -> bool:
    """Cancel one that is open, as somebody's act; whether it still was. Audited."""
    return _change(
        number,
        "cancel timer",
        by,
        reason,
        ended_at=clock.now(),
        ended_as=Timer.End.CANCELLED,
        ended_by=by,
    )


def move(number: int, due_at: datetime | None, *, by: str, reason: str) -> bool:
    """Let one that is open come at another time, at once without one; whether it still was open.

    Audited. Raises InvalidEnvelope for a time that can't be counted with.
    """
    now = clock.now()
    then = now if due_at is None else max(checked_time("at", due_at), now)
    what = "fire timer" if due_at is None else "move timer"
    return _change(number, what, by, reason, due_at=then)


def _change(number: int, action: str, by: str, reason: str, **fields: object) -> bool:
    with transaction.atomic():
        chosen = Timer.objects.select_for_update().filter(pk=number, ended_at=None)
        found = chosen.first()
        if found is None:
            return False
        Timer.objects.filter(pk=number).update(**fields)
        target = f"timer {found.name} of {found.scope}"
        audit.record(action, by=by, target=target, count=1, reason=reason)
    return True


def hold(*, by: str, reason: str) -> bool:
    """Let nothing come until :func:`go_on`; whether it was not so already. Audited."""
    with transaction.atomic():
        Clock.objects.bulk_create([Clock()], ignore_conflicts=True)
        changed = Clock.objects.filter(held_at=None).update(
            held_at=clock.now(), held_by=by, reason=reason
        )
        if changed:
            audit.record("hold timers", by=by, target="timers", reason=reason)
    return bool(changed)


def go_on(*, by: str, reason: str = "") -> bool:
    """Let come what is due, after a :func:`hold`; whether there was one. Audited."""
    with transaction.atomic():
        changed = Clock.objects.filter(held_at__isnull=False).update(
            held_at=None, held_by="", reason=""
        )
        if changed:
            audit.record("release timers", by=by, target="timers", reason=reason)
    return bool(changed)
