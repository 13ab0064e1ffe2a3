"""What the dead-letter console shows, read from its address: groups, letters, progress."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, TypeVar

from django.core.cache import cache
from django.db.models import Max

from flowdeck import parsing
from flowdeck.dashboard.letters.address import STANDINGS, Console
from flowdeck.declare.states import DeliveryState
from flowdeck.letters import bulk
from flowdeck.letters.dead_letters import NAMES, Criteria
from flowdeck.letters.groups import MOST_GROUPS, Group, groups, resolved_lately, totals
from flowdeck.letters.held_back import HeldBack, behind, held_back
from flowdeck.models import AuditEntry, BulkAction, Due

PAGE = 50
_SLOW = 0.05  # seconds; what took longer is kept for a while, so that many viewers cost one
_MOST_KEPT = 5.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stage:
    """One chunk of a graduated retry: ``ok``, ``on`` or ``later``."""

    label: str
    state: str


@dataclass(frozen=True, slots=True)
class Run:
    """A bulk action and what became of what it asked for."""

    row: BulkAction
    progress: bulk.Progress

    @property
    def steps(self) -> list[Stage]:
        """The chunks of a graduated retry; none if it is not one."""
        sizes = bulk.GRADUATED if self.row.graduated else ()
        begun = len(sizes) - len(self.row.steps) if sizes else 0
        going = bool(self.row.waiting) or not begun
        labels = [f"{size:,}" for size in sizes] + ["the rest"] * bool(sizes)
        over = self.row.state == BulkAction.State.FINISHED
        here = begun - 1 if going and begun else begun
        return [
            Stage(label, "ok" if n < here or over else "on" if n == here else "later")
            for n, label in enumerate(labels)
        ]

    @property
    def percent_done(self) -> float:
        """How much of it is done, 0 to 100."""
        return 100.0 * self.progress.done / self.row.total if self.row.total else 100.0

    @property
    def about(self) -> str:
        """Which letters it is of."""
        return str(Criteria.parse(self.row.criteria))


def context_of(console: Console, after: str = "", opened: int | None = None) -> dict[str, Any]:
    """What the page shows; the letter that is ``opened`` is listed while it is tried again, too."""
    found, held = listed_groups(console)
    shown = [group for group in found if console.shows(group)]
    runs, others = runs_of(console, found)
    context: dict[str, Any] = {
        "console": console,
        "by": console.by,
        "criteria": console.criteria,
        "address": console.query,
        "standings": STANDINGS,
        "names": NAMES,
        "groups": [row_of(console, group, held, runs) for group in shown],
        "hidden": len(found) - len(shown),
        "most": len(found) == MOST_GROUPS,
        "totals": totals(console.listed),
        "held": held,
        "group_count": len(found),
        "hours": bars(found),
        "bulk_actions": others,
        "resolved": resolved_lately(),
    }
    if console.criteria:
        first = parsing.number(after) or 0
        chosen = console.criteria.letters()
        page = list(chosen.filter(letter__gt=first).select_related("event")[: PAGE + 1])
        letters, tried = page[:PAGE], _tried_again(console, opened)
        waiting = behind([*tried, *letters])
        context |= {
            "letters": [(one, waiting.get(one.pk, 0)) for one in [*tried, *letters]],
            "chosen": chosen.order_by().count() + len(tried),
            "next": letters[-1].letter if len(page) > PAGE else None,
            "inside": any(group.value == console.opened != "" for group in shown),
            "title": next((g.title for g in shown if g.value == console.opened), "")
            or str(console.criteria),
            "watched": ",".join(str(one.letter) for one in [*tried, *letters]),
        }
    return context


def _tried_again(console: Console, opened: int | None) -> list[Due]:
    """The letter, if it fits and is under way."""
    if opened is None:
        return []
    under_way = Due.objects.exclude(state=DeliveryState.DEAD).filter(letter=opened)
    return list(console.criteria.among(under_way).select_related("event"))


def listed_groups(console: Console) -> tuple[list[Group], HeldBack]:
    """The groups of the page, and what waits behind each."""
    listed = console.listed
    found = _kept(("groups", console.by, listed), lambda: groups(console.by, listed))
    held = _kept(("held", console.by), lambda: held_back(console.by))
    return found, held


def row_of(console: Console, group: Group, held: HeldBack, runs: dict[str, Run]) -> dict[str, Any]:
    """What the row of a group is rendered from."""
    waits = held.groups.get(group.value)
    return {
        "group": group,
        "behind": waits,
        "url": console.group_query(group),
        "run": runs.get(group.value),
        "open": bool(group.value) and group.value == console.opened,
        "hours": path_of(group.per_hour),
    }


def runs_of(console: Console, found: list[Group]) -> tuple[dict[str, Run], list[Run]]:
    """Bulk actions that are under way or ended lately: by the group they are of, and the others."""
    rows = [Run(row, bulk.progress(row)) for row in recent()]
    of_groups: dict[str, Run] = {}
    others = []
    listed = {console.criteria_of(group): group.value for group in found}
    for row in rows:
        value = listed.get(Criteria.parse(row.row.criteria))
        if value is None:
            others.append(row)
        else:
            of_groups.setdefault(value, row)
    return of_groups, others


def recent() -> list[BulkAction]:
    """Bulk actions under way, and the last few that ended."""
    rows = list(BulkAction.objects.filter(state=BulkAction.State.RUNNING).order_by("-id")[:10])
    newest = BulkAction.objects.aggregate(newest=Max("id"))["newest"] or 0
    rows += (
        BulkAction.objects.exclude(state=BulkAction.State.RUNNING)
        .filter(id__gt=newest - 20)
        .order_by("-id")[:3]
    )
    return rows


def bars(found: list[Group]) -> str:
    """The last 24 hours of all groups as a path."""
    return path_of([sum(hour) for hour in zip(*(group.per_hour for group in found), strict=True)])


def path_of(per_hour: list[int] | tuple[int, ...]) -> str:
    """Bars of 3 by at most 20, four apart, as the path of a drawing."""
    most = max(per_hour, default=0) or 1
    tall = [max(2, round(n / most * 20)) if n else 0 for n in per_hour]
    return "".join(f"M{4 * n} 20v-{high}h3v{high}z" for n, high in enumerate(tall) if high)


def _kept(key: Any, read: Callable[[], T]) -> T:
    """What ``read`` gives; if that was slow, what it gave some seconds ago at most.

    Never what it gave before the last action of anybody: who acted sees what became of it.
    """
    newest = AuditEntry.objects.aggregate(newest=Max("id"))["newest"]
    name = "letters-" + sha256(repr((key, newest)).encode()).hexdigest()
    known: tuple[T] | None = cache.get(name)
    if known:
        return known[0]
    begun = time.monotonic()
    found = read()
    took = time.monotonic() - begun
    if took > _SLOW:
        cache.set(name, (found,), took + min(_MOST_KEPT, took * 40))
    return found
