"""Planning schedules: of each, the timer of its next nominal time is open.

Any process that declares a schedule plans it, one at a time by the row's lock. What the timer
becomes is the timers' business; here is decided which time is next, and what becomes of those at
which nobody was there.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from uuid_utils.compat import uuid7

from flowdeck import clock
from flowdeck.database import transaction
from flowdeck.declare.event import Draft
from flowdeck.declare.schedule import Schedule, schedules
from flowdeck.declare.states import UNFINISHED
from flowdeck.declare.timing import When
from flowdeck.engine import timers
from flowdeck.log.append import append
from flowdeck.models import Due, Timer
from flowdeck.models import Schedule as Row
from flowdeck.people import pausing

logger = logging.getLogger("flowdeck")
_MOMENT = timedelta(microseconds=1)
_introduced: set[tuple[str, str, str]] = set()


def plan() -> None:
    """Plan each schedule of this process whose next time is not planned. One query if there is
    nothing to do, none if no schedule is declared."""
    if not schedules:
        return
    for declared in schedules.values():
        if (declared.name, declared.expression, declared.zone) not in _introduced:
            _introduce(declared)
    now = clock.now()
    scopes = {one.scope: one for one in schedules.values()}
    planned = Timer.objects.filter(scope__in=scopes, ended_at=None)
    settled = {
        scope
        for scope, stale_at in planned.values_list("scope", "stale_at")
        if stale_at is None or stale_at > now
    }
    for scope in scopes.keys() - settled:
        _plan(scopes[scope], now)


def catch_up(most: int = 100) -> int:
    """Plan, and move what is due, as long as that makes more due; how many events that made."""
    plan()
    count = 0
    for _ in range(most):
        fired = timers.fire_all()
        count += fired
        if not fired:
            break
        plan()
    return count


def pause(name: str, *, by: str, reason: str) -> bool:
    """Let a schedule publish nothing more; whether it did. Audited."""
    with transaction.atomic():
        row, target = Row.objects.filter(pk=name), f"schedule {name}"
        changed = pausing.pause(row, target, by=by, reason=reason, kept_as="reason")
        if changed:
            Timer.objects.filter(scope=f"schedule:{name}", ended_at=None).update(
                ended_at=clock.now(), ended_as=Timer.End.CANCELLED, ended_by=by
            )
    return changed


def resume(name: str, *, by: str, reason: str = "") -> bool:
    """Go on with the next nominal time from now; whether it was paused. Audited."""
    with transaction.atomic():
        return pausing.resume(
            Row.objects.filter(pk=name),
            f"schedule {name}",
            by=by,
            reason=reason,
            kept_as="reason",
            last_nominal=clock.now(),
        )


def forget_introduced() -> None:
    """Look into the table again (the database was emptied)."""
    _introduced.clear()


def _introduce(declared: Schedule) -> None:
    """At the first look of a process: its declaration counts from now on."""
    with transaction.atomic():
        row, new = Row.objects.get_or_create(
            name=declared.name,
            defaults={
                "expression": declared.expression,
                "zone": declared.zone,
                "last_nominal": clock.now(),
            },
        )
        if not new and (row.expression, row.zone) != (declared.expression, declared.zone):
            row = Row.objects.select_for_update().get(pk=row.pk)
            row.expression, row.zone = declared.expression, declared.zone
            row.last_nominal = clock.now()
            row.save()
            Timer.objects.filter(scope=declared.scope, ended_at=None).delete()
    _introduced.add((declared.name, declared.expression, declared.zone))


def _plan(declared: Schedule, now: datetime) -> None:
    with transaction.atomic():
        found = Row.objects.select_for_update(skip_locked=True).filter(
            pk=declared.name,
            expression=declared.expression,
            zone=declared.zone,
            paused_at=None,
        )
        row = found.first()
        if row is None:
            return
        since = _passed(declared, row, now)
        if since is not None:
            _set(declared, row, since, now)


def _passed(declared: Schedule, row: Row, now: datetime) -> datetime | None:
    """Behind which time the next one is to be looked for; None if there is nothing to plan."""
    open_ = Timer.objects.filter(scope=declared.scope, ended_at=None)
    timer = open_.select_for_update(skip_locked=True).first()
    if timer is None:
        return None if open_.exists() else row.last_nominal  # somebody has it under change
    if timer.stale_at is None or timer.stale_at > now:
        return None
    over = declared.superseded_at(row.last_nominal)
    if over is not None and over <= now:
        timer.delete()
        return row.last_nominal - _MOMENT
    if not _unfinished(declared):
        Timer.objects.filter(pk=timer.pk).update(stale_at=over)
        return None
    Timer.objects.filter(pk=timer.pk).update(
        ended_at=now, ended_as=Timer.End.CANCELLED, ended_by="overlap"
    )
    return now


def _unfinished(declared: Schedule) -> bool:
    """Whether a delivery of an earlier event of the schedule is still to be done."""
    of_it = {"event__stream": declared.stream, "event__producer": declared.scope}
    return Due.objects.filter(state__among=UNFINISHED, **of_it).exists()


def _set(declared: Schedule, row: Row, since: datetime, now: datetime) -> None:
    nominal, missed = declared.next_of(since, now)
    try:
        event = declared.event(nominal)
    except Exception as error:
        logger.exception("Schedule %s could not make its event.", declared.name)
        Row.objects.filter(pk=row.pk).update(error=f"{type(error).__name__}: {error}"[:500])
        return
    over = declared.superseded_at(nominal)
    when = When(
        None,
        nominal,
        timer=nominal.isoformat(),
        event_id=declared.event_id(nominal),
        scope=declared.scope,
        stale_at=nominal if declared.overlap == "skip" else over,
        missed=missed,
    )
    draft = Draft(
        event,
        stream=declared.stream,
        correlation_id=uuid7(),
        producer=declared.scope,
        when=when,
    )
    append([draft])
    Row.objects.filter(pk=row.pk).update(last_nominal=nominal, error="")
