"""A learner's runs and progress: start an experiment, answer its question, put all back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event as Pause
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet
from uuid_utils.compat import uuid7

from events import scenarios
from flowdeck.extend import DeliveryState, LogDelivery, LogEvent, discard_letters, record_action
from lab import injection
from lab.lesson import Lesson
from lab.models import LabBalance, LabProgress, LabRun, LabSeen
from lab.sandbox import KEYED
from lab.switched_faults import end_experiments, switch_off, switch_on
from processors.models import Charge

_TRACE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LEAST = timedelta(seconds=1)  # between two runs of one learner: a double click is one run


class LabRefused(Exception):
    """An experiment can't be run; the message says why."""


def start(user: Any, lesson: Lesson, choice: str = "") -> LabRun:
    """Run a lesson's experiment. A second click within a second gets the first one's run.

    Raises LabRefused, or OrderRefused if the shop refuses what the experiment orders.
    """
    if not scenarios.allowed():
        raise LabRefused("The lab exists in demo mode only: it breaks things on purpose.")
    known = [one.slug for one in lesson.choices] or [""]
    chosen = choice or known[0]
    if chosen not in known:
        raise LabRefused(f"This experiment has no variant {choice[:40]!r}.")
    last, now = newest(user, lesson), datetime.now(UTC)
    if last is not None and now - last.began_at < _LEAST:
        return last
    end_experiments(user)
    _discard_letters(user, LabRun.objects.filter(user_id=user.pk, lesson=lesson.slug))
    run = LabRun.objects.create(
        user=user, lesson=lesson.slug, trace=uuid7(), choice=chosen, began_at=now
    )
    run.facts = lesson.start(user, run)
    run.save(update_fields=["facts"])
    return run


def newest(user: Any, lesson: Lesson) -> LabRun | None:
    """The learner's last run of a lesson."""
    return LabRun.objects.filter(user_id=user.pk, lesson=lesson.slug).order_by("-pk").first()


def break_for(user: Any, trace: UUID, *wanted: tuple[str, str, int | None, float]) -> list[int]:
    """Switch faults on for one trace: (processor, kind, amount, seconds) each; answer their ids.

    Comes back when every worker has noticed.
    """
    numbers = [
        switch_on(
            user=user, processor=processor, kind=kind, amount=amount, seconds=seconds, trace=trace
        ).pk
        for processor, kind, amount, seconds in wanted
    ]
    _until_noticed()
    return numbers


def end_fault(user: Any, number: int) -> None:
    """Switch one fault off; comes back when every worker has noticed."""
    switch_off(user, number)
    _until_noticed()


def answer(user: Any, lesson: Lesson, option: int) -> LabProgress:
    """Note an answer. Once right, a lesson stays done."""
    right = option == lesson.question.answer
    progress, _ = LabProgress.objects.get_or_create(
        user_id=user.pk,
        lesson=lesson.slug,
        defaults={"right": False, "answered_at": datetime.now(UTC)},
    )
    own = LabProgress.objects.filter(pk=progress.pk)
    own.update(tries=F("tries") + 1, answered_at=datetime.now(UTC))
    if right:
        own.update(right=True)
    return own.get()


def _until_noticed() -> None:
    Pause().wait(injection.LOOK_SECONDS + 0.1)


@dataclass(frozen=True, slots=True)
class Learner:
    """One line of the class: ``done`` and ``tried`` are slugs of lessons."""

    name: str
    done: frozenset[str]
    tried: frozenset[str]


def progress(user: Any) -> tuple[frozenset[str], frozenset[str]]:
    """The lessons the learner has finished, and those run at least once."""
    finished = LabProgress.objects.filter(user_id=user.pk, right=True)
    tried = LabRun.objects.filter(user_id=user.pk).order_by().values_list("lesson", flat=True)
    return frozenset(finished.values_list("lesson", flat=True)), frozenset(tried.distinct())


def the_class(limit: int = 200) -> list[Learner]:
    """Everybody who has run something, by name."""
    done: dict[str, set[str]] = {}
    tried: dict[str, set[str]] = {}
    pairs = LabRun.objects.order_by().values_list("user__username", "lesson").distinct()
    for name, lesson in pairs:
        tried.setdefault(name, set()).add(lesson)
    answered = LabProgress.objects.filter(right=True).values_list("user__username", "lesson")
    for name, lesson in answered:
        done.setdefault(name, set()).add(lesson)
    names = sorted(tried.keys() | done.keys())[:limit]
    return [
        Learner(name, frozenset(done.get(name, ())), frozenset(tried.get(name, ())))
        for name in names
    ]


def reset(user: Any) -> None:
    """Faults off, dead letters of experiments discarded, runs and progress forgotten.

    Events stay: the log is append-only. So do the orders, as the shop's.
    """
    switch_off(user)
    runs = LabRun.objects.filter(user_id=user.pk)
    _discard_letters(user, runs)
    with transaction.atomic():
        numbers = list(runs.values_list("pk", flat=True))
        LabBalance.objects.filter(run_id__in=numbers).delete()
        Charge.objects.filter(order_id__in=[-number for number in numbers]).delete()
        paid = LogEvent.objects.filter(type="LabPaidIn", correlation_id__in=runs.values("trace"))
        seen = [f"{KEYED}:{one}" for one in paid.values_list("id", flat=True)]
        LabSeen.objects.filter(key__in=seen).delete()
        runs.delete()
        LabProgress.objects.filter(user_id=user.pk).delete()
        record_action("reset", by=user.get_username(), target="lab", count=len(numbers))


def traces_of(run: LabRun) -> set[UUID]:
    """All traces that a run has set off, as its facts name them."""
    found = {run.trace}
    for value in run.facts.values():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, str) and _TRACE.fullmatch(one):
                found.add(UUID(one))
    return found


def _discard_letters(user: Any, runs: QuerySet[LabRun]) -> None:
    """A lesson ends tidy: what its experiment left as dead letters is given up."""
    traces = {trace for run in runs for trace in traces_of(run)}
    letters = LogDelivery.objects.filter(state=DeliveryState.DEAD, event__correlation_id__in=traces)
    numbers = letters.values_list("letter", flat=True)
    if chosen := [number for number in numbers if number is not None]:
        discard_letters(chosen, by=user.get_username(), reason="lab: the experiment is over")
