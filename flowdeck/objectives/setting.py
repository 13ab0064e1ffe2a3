"""Setting objectives: on their page or by code; kept in the audit. One that is changed is judged
anew, from the beginning of its days on."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.db import IntegrityError

from flowdeck import clock
from flowdeck.database import transaction
from flowdeck.declare.objectives import LONGEST_NAME, Aim, declared
from flowdeck.declare.registry import registry
from flowdeck.errors import FlowdeckError
from flowdeck.log.positions import first_since
from flowdeck.models import Objective, Reached
from flowdeck.people import audit

MOST = 50
_introduced: set[str] = set()


class ObjectiveRefused(FlowdeckError):
    """An objective can't be kept as asked; the message says why."""


def aim_of(row: Objective) -> Aim:
    """What the row is about."""
    return Aim(row.began_with, row.reaches, row.within, row.target, row.days)


def said(aim: Aim) -> str:
    """An aim in words."""
    return (
        f"{aim.target:g} % of traces that begin with {aim.began_with} reach {aim.reaches} within "
        f"{aim.within:g} s, over {aim.days} days"
    )


def save(number: int | None, name: str, wanted: dict[str, Any], *, by: str) -> Objective:
    """Keep a new objective, or change one. Raises ObjectiveRefused, or Objective.DoesNotExist."""
    aim, name = _checked(wanted), name.strip()
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        raise ObjectiveRefused(f"Give it a name of 1 to {LONGEST_NAME} characters.")
    try:
        with transaction.atomic():
            if number is None:
                if Objective.objects.count() >= MOST:
                    raise ObjectiveRefused(f"There are {MOST} objectives already. Delete one.")
                row = _begin(Objective(name=name), aim)
            else:
                row = _own(number)
                row.name = name
                row = _begin(row, aim)
            verb = "add objective" if number is None else "change objective"
            audit.record(verb, by=by, target=f"objective {name}", count=1, reason=said(aim))
    except IntegrityError as error:
        raise ObjectiveRefused(f"There is an objective named {name!r} already.") from error
    return row


def delete(number: int, *, by: str) -> None:
    """Forget one and its figures. Raises ObjectiveRefused, or Objective.DoesNotExist."""
    with transaction.atomic():
        row = _own(number)
        reason = said(aim_of(row))
        audit.record(
            "delete objective", by=by, target=f"objective {row.name}", count=1, reason=reason
        )
        Reached.objects.filter(objective=row.pk).delete()
        row.delete()


def introduce() -> None:
    """Keep what code declares, once per process; what it declares otherwise than before is judged
    anew. While a release is rolled out, two processes may differ: the newer one has the last word.
    """
    if declared.keys() <= _introduced:
        return
    known = {row.name: row for row in Objective.objects.filter(name__in=declared)}
    for name, aim in declared.items():
        row = known.get(name)
        if row is None:
            Objective.objects.bulk_create(
                [Objective(name=name, declared=True, position=_start(aim), **asdict(aim))],
                ignore_conflicts=True,
            )
        elif aim_of(row) != aim or not row.declared:
            with transaction.atomic():
                row = Objective.objects.select_for_update().get(pk=row.pk)
                row.declared = True
                _begin(row, aim)
        _introduced.add(name)


def forget_introduced() -> None:
    """Introduce all of them again: the tables may have been emptied."""
    _introduced.clear()


def _own(number: int) -> Objective:
    """Locked; unless code has it."""
    row = Objective.objects.select_for_update().get(pk=number)
    if row.declared and row.name in declared:
        raise ObjectiveRefused(f"{row.name} is declared in code: change it there.")
    row.declared = False
    return row


def _begin(row: Objective, aim: Aim) -> Objective:
    Reached.objects.filter(objective=row.pk).delete()
    for name, value in asdict(aim).items():
        setattr(row, name, value)
    row.position, row.looked_at = _start(aim), None
    row.save()
    return row


def _start(aim: Aim) -> int:
    """Behind what was before its days."""
    return first_since(clock.now() - timedelta(days=aim.days)) - 1


def _checked(wanted: dict[str, Any]) -> Aim:
    types = [str(wanted.get(name, "")).strip() for name in ("began_with", "reaches")]
    for one in types:
        if one not in registry.event_types:
            raise ObjectiveRefused(f"There is no event type {one[:100]!r}.")
    try:
        within, target = (float(wanted.get(name, "")) for name in ("within", "target"))
        days = int(wanted.get("days", ""))
    except ValueError as error:
        raise ObjectiveRefused("Seconds, percent and days are numbers.") from error
    aim = Aim(types[0], types[1], within, target, days)
    if fault := aim.fault():
        raise ObjectiveRefused(fault)
    return aim
