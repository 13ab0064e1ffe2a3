"""Forgetting instances that have been over for long enough, with the way that they went."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q

from flowdeck import clock
from flowdeck.conf import conf
from flowdeck.database import transaction
from flowdeck.models import ProcessInstance, ProcessStep

_AT_ONCE = 500


def forget_ended() -> None:
    """Remove some of them. A late event finds no instance then."""
    before = clock.now() - timedelta(days=conf().PROCESSES_KEPT_DAYS)
    rows = ProcessInstance.objects.filter(ended_at__lt=before)
    by_process: dict[str, list[str]] = {}
    for process, key in rows.values_list("process", "key")[:_AT_ONCE]:
        by_process.setdefault(process, []).append(key)
    for process, keys in sorted(by_process.items()):
        theirs = Q(process=process, key__in=keys)
        with transaction.atomic():
            ProcessStep.objects.filter(theirs).delete()
            ProcessInstance.objects.filter(theirs).delete()
