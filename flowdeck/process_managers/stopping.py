"""Stopping an instance by hand, with or without undoing what it has done. Audited."""

from __future__ import annotations

from flowdeck import clock
from flowdeck.database import transaction
from flowdeck.declare.event import Draft
from flowdeck.log.publishing import publish
from flowdeck.log.timers import take_back
from flowdeck.models import ProcessInstance, ProcessStep
from flowdeck.people import audit
from flowdeck.process_managers.declared import flows, newest
from flowdeck.process_managers.instance import undone
from flowdeck.process_managers.run import instance_of, timer_name

STOPPED, UNDONE = "stopped", "stopped and undone"


def stop(process: str, key: str, *, undo: bool, by: str, reason: str) -> bool:
    """End an instance that is under way; whether it still was.

    With ``undo`` what takes back all that it has done is appended, the last first. Its open timers
    do not come, and later events find it over; what a pattern knows of a key is forgotten, and they
    begin it anew. Takes its row's lock, as whoever works on it: so one of both comes first.
    """
    if process not in flows:
        return False
    chosen = ProcessInstance.objects.filter(process=process, key=key, ended_at=None)
    with transaction.atomic():
        row = chosen.exclude(step="").select_for_update().first()
        if row is None:
            return False
        if newest(process).idle_after is not None:
            _forget(row)
            audit.record("stop process", by=by, target=f"{process} {key}", count=1, reason=reason)
            return True
        instance = instance_of(row)
        said = undone(instance.memory) if undo else []
        if said:
            publish(
                *[Draft(one.event, one.stream or row.stream) for one in said if one.event],
                correlation_id=row.correlation_id,
                producer=process,
            )
        _take_back_timers(row)
        now, note = clock.now(), UNDONE if undo else STOPPED
        instance.memory.timers.clear()
        instance.write(now)
        row.ended_at, row.stopped_by = now, by
        row.save()
        ProcessStep.objects.create(
            process=process, key=key, from_step=row.step, to_step=row.step, at=now, note=note
        )
        audit.record(
            "stop process", by=by, target=f"{process} {key}", count=len(said), reason=reason
        )
    return True


def _forget(row: ProcessInstance) -> None:
    _take_back_timers(row)
    ProcessStep.objects.filter(process=row.process, key=row.key).delete()
    row.delete()


def _take_back_timers(row: ProcessInstance) -> None:
    for name, timer in sorted(row.timers.items()):
        take_back(timer["stream"], timer_name(row.process, name))
