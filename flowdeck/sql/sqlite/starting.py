"""SQLite: a start is handed out under the one write lock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from django.db.models import F, Min, Q, QuerySet

from flowdeck.database import connection, transaction
from flowdeck.declare.states import UNFINISHED, DeliveryState, among
from flowdeck.models import Due, FlowControl, FlowGroup, Lane, ProcessorState
from flowdeck.sql.rows import DueDelivery, LaneRow
from flowdeck.sql.sqlite.lanes import fetch_due, fetch_position
from flowdeck.sql.starting import AHEAD, Asked, Start

_AHEAD = timedelta(seconds=AHEAD)
_LOOKED_AT = 64  # deliveries of a group
_ASSIGN = f"""
UPDATE flowdeck_due AS d SET grp = (
  SELECT substr(coalesce(nullif(e.data ->> ('$.' || %s), ''), '(none)'), 1, 200)
  FROM flowdeck_event e WHERE e.position = d.position)
WHERE d.processor = %s AND d.grp IS NULL
  AND d.state {among(*UNFINISHED, DeliveryState.DEAD)}
"""


def claim_start(asked: Asked, leave_out: Iterable[int]) -> Start | None:
    """See Starts."""
    with transaction.atomic():
        FlowControl.objects.bulk_create(
            [FlowControl(processor=asked.processor)], ignore_conflicts=True
        )
        now = datetime.now(UTC)  # after the wait for the lock
        control = FlowControl.objects.get(pk=asked.processor)
        asked = _with_limits_of(control, asked)
        if not _may(asked, control, now):
            return None
        free = _free(asked, set(leave_out), now)
        found = (_of_a_group if asked.grouped else _of_all)(asked, control, free, now)
        if found is None:
            return None
        starts, lane, position, group = found
        Lane.objects.filter(pk=lane.id).update(
            claims=F("claims") + 1,
            worker=asked.worker,
            claimed_at=now,
            token=asked.token,
            grp=group,
            tried=position,
            lease_expires_at=max(starts, now) + timedelta(seconds=asked.lease_seconds),
        )
        seconds = max(0.0, (starts - now).total_seconds())
        return Start(replace(lane, claims=lane.claims + 1), seconds, position)


def _with_limits_of(control: FlowControl, asked: Asked) -> Asked:
    """With those that somebody has set in place of the code's."""
    if control.limits_set_at is None:
        return asked
    return replace(
        asked,
        concurrent=control.limit_concurrent,
        every=control.limit_every,
        burst=control.limit_burst,
    )


def fetch_one(processor: str, position: int) -> DueDelivery | None:
    """See Starts."""
    with connection.cursor() as cursor:
        return fetch_position(cursor, processor, position)


def assign_groups(processor: str, by: str) -> None:
    """See Starts."""
    with connection.cursor() as cursor:
        cursor.execute(_ASSIGN, [by, processor])


_Found = tuple[datetime, LaneRow, int | None, str]


def _of_all(
    asked: Asked, control: FlowControl, free: list[LaneRow], now: datetime
) -> _Found | None:
    if asked.concurrent is not None and _aired(asked, now) >= asked.concurrent:
        return None
    starts = _start(asked, control.next_at, now)
    if _too_early(control, starts, now):
        _of(asked).update(not_before=starts - _AHEAD)
        return None
    for lane in free:
        with connection.cursor() as cursor:
            if fetch_due(cursor, asked.processor, [lane], 1, asked.parks).due:
                next_at = _after(asked, starts)
                _of(asked).update(not_before=None, waits_until=starts, next_at=next_at)
                return starts, lane, None, ""
    return None


def _of_a_group(
    asked: Asked, control: FlowControl, free: list[LaneRow], now: datetime
) -> _Found | None:
    soonest, again = None, _again(asked, free, now)
    for group in _groups(asked, control.visited):
        if asked.concurrent is not None and _aired(asked, now, grp=group) >= asked.concurrent:
            continue
        row = FlowGroup.objects.filter(processor=asked.processor, grp=group).first()
        starts = _start(asked, row.next_at if row else None, now)
        if _too_early(control, starts, now):
            soonest = min(soonest or starts, starts)
            continue
        for lane in free:
            position = _chosen(asked, lane, group, now, again)
            if position is None:
                continue
            _of(asked).update(not_before=None, waits_until=starts, visited=group)
            if (next_at := _after(asked, starts)) is not None:
                FlowGroup.objects.update_or_create(
                    processor=asked.processor, grp=group, defaults={"next_at": next_at}
                )
            return starts, lane, position, group
    if soonest is not None:
        _of(asked).update(not_before=soonest - _AHEAD)
    return None


def _groups(asked: Asked, visited: str) -> Iterator[str]:
    """Those that have work, on from the one that had the last start."""
    rows = Due.objects.filter(processor=asked.processor, state__among=UNFINISHED, grp__isnull=False)
    names = list(rows.order_by("grp").values_list("grp", flat=True).distinct())
    yield from (name for name in names if name and name > visited)
    yield from (name for name in names if name and name <= visited)


def _chosen(
    asked: Asked, lane: LaneRow, group: str, now: datetime, again: dict[int, dict[str, int]]
) -> int | None:
    if lane.id in again:
        return again[lane.id].get(group)
    return _first_of_group(asked, lane, group, now)


def _again(asked: Asked, free: list[LaneRow], now: datetime) -> dict[int, dict[str, int]]:
    """By lane whose last claim has not ended well: what that was for, by its group. Nothing else.

    So what kills its workers is found by the count of claims, however much work others have.
    """
    interrupted = Lane.objects.filter(pk__in=[lane.id for lane in free if lane.claims])
    found: dict[int, dict[str, int]] = {}
    for lane, position in interrupted.values_list("pk", "tried"):
        if position is None:
            continue
        row = _due(asked, now).filter(event_id=position, grp__isnull=False).first()
        if row is not None and _first_of_key(asked, row.key) == position:
            found[lane] = {str(row.grp): position}
    return found


def _first_of_group(asked: Asked, lane: LaneRow, group: str, now: datetime) -> int | None:
    """The first one of the group on the lane that is due, and the first of its key."""
    due = _due(asked, now).filter(grp=group, slot__range=(lane.first_slot, lane.last_slot))
    for position, key in due.order_by("event_id").values_list("event_id", "key")[:_LOOKED_AT]:
        if _first_of_key(asked, key) == position:
            return position
    return None


def _due(asked: Asked, now: datetime) -> QuerySet[Due]:
    own = Due.objects.filter(Q(state__among=UNFINISHED), processor=asked.processor)
    return own.filter(Q(due_at=None) | Q(due_at__lte=now))


def _first_of_key(asked: Asked, key: str) -> int | None:
    states = [*UNFINISHED, DeliveryState.DEAD] if asked.parks else [*UNFINISHED]
    rows = Due.objects.filter(processor=asked.processor, state__in=states, key=key)
    first: int | None = rows.aggregate(first=Min("event_id"))["first"]
    return first


def _start(asked: Asked, next_at: datetime | None, now: datetime) -> datetime:
    if asked.every is None:
        return now
    earliest = now - timedelta(seconds=(asked.burst - 1) * asked.every)
    return max(next_at or earliest, earliest)


def _after(asked: Asked, starts: datetime) -> datetime | None:
    return None if asked.every is None else starts + timedelta(seconds=asked.every)


def _too_early(control: FlowControl, starts: datetime, now: datetime) -> bool:
    waits = control.waits_until
    return starts > now + _AHEAD or (starts > now and waits is not None and waits > now)


def _of(asked: Asked) -> QuerySet[FlowControl]:
    return FlowControl.objects.filter(pk=asked.processor)


def _may(asked: Asked, control: FlowControl, now: datetime) -> bool:
    if control.open_until is not None and (control.open_until > now or _aired(asked, now)):
        return False
    paused = ProcessorState.objects.filter(pk=asked.processor, paused_at__isnull=False)
    return not paused.exists()


def _aired(asked: Asked, now: datetime, **of: str) -> int:
    live = Lane.objects.filter(
        processor=asked.processor, token__isnull=False, lease_expires_at__gt=now, **of
    )
    return live.values("token").distinct().count()


def _free(asked: Asked, leave_out: set[int], now: datetime) -> list[LaneRow]:
    """Lanes without a live lease, the one that was claimed longest ago first."""
    free = Lane.objects.filter(
        Q(lease_expires_at=None) | Q(lease_expires_at__lt=now), processor=asked.processor
    ).exclude(pk__in=leave_out)
    return [
        LaneRow(one.pk, one.first_slot, one.last_slot, one.claims, one.suspect)
        for one in free.order_by(F("claimed_at").asc(nulls_first=True), "pk")
    ]
