"""Finders of what was asked for or planned: replay runs, bulk actions, timers, instances.

Pages show their numbers and keys; each look-up is by the primary key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from django.db.models import Model
from django.urls import reverse

from flowdeck import parsing
from flowdeck.dashboard.shell import finders
from flowdeck.dashboard.shell.finders import Hit
from flowdeck.declare.schedule import schedules
from flowdeck.models import BulkAction, ProcessInstance, ReplayRun, Timer
from flowdeck.people.access import can
from flowdeck.process_managers.declared import flows
from flowdeck.words import counted


def find_runs(user: Any, query: str) -> Iterator[Hit]:
    """The replay run of this number: ``12``, ``#12`` or ``run 12``."""
    run = _numbered(ReplayRun, query, "run") if can(user, "view_replay") else None
    if run is not None:
        note = f"{run.kind} of {', '.join(run.processors)}: {run.state}"
        url = f"{reverse('flowdeck:replay')}?run={run.pk}"
        yield Hit(f"Run {run.pk}", url, note, "replay", query.lower().startswith("run"))


def find_bulk_actions(user: Any, query: str) -> Iterator[Hit]:
    """The bulk action of this number: ``12``, ``#12`` or ``bulk action 12``."""
    row = _numbered(BulkAction, query, "bulk action") if can(user, "view_dead_letters") else None
    if row is not None:
        note = f"{row.action}: {row.asked:,} of {counted(row.total, 'letter')} by {row.by}"
        url = f"{reverse('flowdeck:dead_letters')}#bulk-{row.pk}"
        certain = query.lower().startswith("bulk")
        yield Hit(f"Bulk action {row.pk}", url, f"{note}: {row.state}", "dead-letters", certain)


def find_timers(user: Any, query: str) -> Iterator[Hit]:
    """The timer of this number (``12``, ``#12`` or ``timer 12``), and schedules by name."""
    timer = _numbered(Timer, query, "timer")
    page = reverse("flowdeck:timers")
    if timer is not None:
        chosen = {"name": timer.name, "stream": timer.stream}
        if timer.ended_at is not None:
            chosen["tab"] = "ended"
        note = f"{timer.name}: {timer.type} in {timer.stream}"
        certain = query.lower().startswith("timer")
        yield Hit(f"Timer {timer.pk}", f"{page}?{urlencode(chosen)}", note, "timers", certain)
    wanted = query.casefold()
    for name in sorted(schedules):
        if wanted in name.casefold():
            yield Hit(name, f"{page}?tab=schedules", "schedule", "timers", name == query)


def find_processes(user: Any, query: str) -> Iterator[Hit]:
    """Instances with this key, and processes whose name contains the query."""
    wanted = query.casefold()
    for name in sorted(flows):
        if wanted in name.casefold():
            yield Hit(name, reverse("flowdeck:process", args=[name]), "process", "processes")
    if not flows:
        return
    for one in ProcessInstance.objects.filter(process__in=sorted(flows), key=query):
        page = reverse("flowdeck:process", args=[one.process])
        note = f"instance of {one.process}, {one.step or 'not begun'}"
        yield Hit(one.key, f"{page}?{urlencode({'selected': one.key})}", note, "processes")


def _numbered(model: type[Model], query: str, word: str) -> Any:
    """The row whose number the query is, with or without the ``word`` before it."""
    digits = re.sub(rf"^{word}\s*(?=[#0-9])", "", query, flags=re.IGNORECASE)
    number = parsing.number(re.sub(r"^#|,", "", digits))
    return None if number is None else model._default_manager.filter(pk=number).first()


def register() -> None:
    """Let the search ask them."""
    finders.register("Replay runs", 70, find_runs)
    finders.register("Bulk actions", 71, find_bulk_actions)
    finders.register("Timers", 72, find_timers)
    finders.register("Processes", 73, find_processes)
