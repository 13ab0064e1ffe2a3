"""Forgetting instances that have been over for long enough, with the way that they went."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q

from flowdeck import clock
from flowdeck.conf import conf
from flowdeck.database import transaction
from flowdeck.models import ProcessInstance, ProcessStep
from flowdeck.process_managers.declared import flows

_AT_ONCE = 500


def forget_ended() -> None:
    """Remove some of them. A late event finds no instance then."""
    before = clock.now() - timedelta(days=conf().PROCESSES_KEPT_DAYS)
    rows = ProcessInstance.objects.filter(ended_at__lt=before)
    _forget_idle(before)
    by_process: dict[str, list[str]] = {}
    for process, key in rows.values_list("process", "key")[:_AT_ONCE]:
        by_process.setdefault(process, []).append(key)
    for process, keys in sorted(by_process.items()):
        theirs = Q(process=process, key__in=keys)
        with transaction.atomic():
            ProcessStep.objects.filter(theirs).delete()
            ProcessInstance.objects.filter(theirs).delete()


def _forget_idle(before: datetime) -> None:
    """Remove what patterns know of keys that nothing has come for, and that no timer waits for."""
    for name, versions in flows.items():
        idle_after = versions[max(versions)].idle_after
        if idle_after is None:
            continue
        with transaction.atomic():
            # Whoever works on one has locked it, and it is not idle then.
            idle = ProcessInstance.objects.select_for_update(skip_locked=True).filter(
                process=name, ended_at=None, timers={}, changed_at__lt=before - idle_after
            )
            theirs = Q(process=name, key__in=list(idle.values_list("key", flat=True)[:_AT_ONCE]))
            ProcessStep.objects.filter(theirs).delete()
            ProcessInstance.objects.filter(theirs).delete()
