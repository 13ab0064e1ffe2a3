"""What the dead-letter console shows, read from its address: groups, letters, progress."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, TypeVar

from django.core.cache import cache
from django.db.models import Max
from django.http import QueryDict

from flowdeck import parsing
from flowdeck.letters import bulk
from flowdeck.letters.dead_letters import NAMES, Criteria
from flowdeck.letters.groups import BY, MOST_GROUPS, Group, groups, resolved_lately, totals
from flowdeck.letters.held_back import HeldBack, behind, held_back
from flowdeck.models import AuditEntry, BulkAction

PAGE = 50
MOST_IDS = 500
STANDINGS = ("open", "acknowledged", "on hold", "came back")
_FIELD = {"error": "fingerprint"}
_WORDS = 80
_SLOW = 0.05  # seconds; what took longer is kept for a while, so that many viewers cost one
_MOST_KEPT = 5.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Chip:
    """One part of the filter, and the address without it."""

    name: str
    value: str
    without: str


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


@dataclass(frozen=True, slots=True)
class Console:
    """The address of the console: how it is grouped, and what is left out.

    ``criteria`` chooses letters. Its part that the page is grouped by opens that group.
    """

    by: str
    criteria: Criteria
    standing: str = ""
    words: str = ""

    @classmethod
    def parse(cls, query: QueryDict) -> Console:
        """From untrusted parameters; what makes no sense is left out."""
        by, standing = query.get("by", ""), query.get("status", "")
        return cls(
            by if by in BY else "error",
            criteria_of(query),
            standing if standing in STANDINGS else "",
            "".join(c for c in query.get("search", "").strip()[:_WORDS] if c.isprintable()),
        )

    @property
    def field(self) -> str:
        """The part of the criteria that names a group."""
        return _FIELD.get(self.by, self.by)

    @property
    def opened(self) -> str:
        """The group that is open, or nothing."""
        return str(getattr(self.criteria, self.field))

    @property
    def listed(self) -> Criteria:
        """What the groups are of."""
        return replace(self.criteria, **{self.field: ""})  # type: ignore[arg-type]

    @property
    def query(self) -> str:
        """As parameters of an address."""
        return _encoded(self._parameters)

    @property
    def chips(self) -> list[Chip]:
        """Each part that leaves something out."""
        hidden = {"by", self.field}
        return [
            Chip(name.replace("_", " "), "" if value is True else str(value), self._without(name))
            for name, value in self._parameters.items()
            if name not in hidden
        ]

    @property
    def ways(self) -> list[tuple[str, str]]:
        """What else the same letters can be grouped by, each with its address."""
        kept = {n: v for n, v in self._parameters.items() if n not in ("by", self.field)}
        return [(by, _encoded(kept if by == "error" else {"by": by, **kept})) for by in BY]

    @property
    def closed(self) -> str:
        """The address of the page with no group open."""
        return self._without(self.field)

    def criteria_of(self, group: Group) -> Criteria:
        """What chooses the letters of a group that the page lists."""
        return replace(self.listed, **{self.field: group.value})  # type: ignore[arg-type]

    def group_query(self, group: Group) -> str:
        """The address of the page with this group open."""
        return _encoded({**self._parameters, self.field: group.value})

    def shows(self, group: Group) -> bool:
        """Whether status and search let a group be listed."""
        if self.standing == "came back" and not group.came_back:
            return False
        if self.standing not in ("", "came back", group.standing):
            return False
        sample = group.sample
        text = [group.title, group.value, group.processor]
        text += [sample.message, sample.frame] if sample else []
        return self.words.casefold() in "\n".join(text).casefold()

    @property
    def _parameters(self) -> dict[str, Any]:
        given = {name: value for name, value in self.criteria.as_dict().items() if name != "ids"}
        own = {
            "by": "" if self.by == "error" else self.by,
            "status": self.standing,
            "search": self.words,
        }
        return {**{name: value for name, value in own.items() if value}, **given}

    def _without(self, name: str) -> str:
        return _encoded({n: v for n, v in self._parameters.items() if n != name})


def criteria_of(query: Mapping[str, Any]) -> Criteria:
    """Which letters untrusted parameters speak of; ``letter`` may come again and again."""
    listed = query.getlist("letter") if isinstance(query, QueryDict) else []
    ids = [number for number in map(parsing.number, listed) if number is not None]
    chosen = {name: query.get(name, "") for name in (*NAMES, "came_back")}
    return Criteria.parse({**chosen, "ids": ids[:MOST_IDS]})


def context_of(console: Console, after: str = "") -> dict[str, Any]:
    """What the page shows."""
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
        letters, waiting = page[:PAGE], behind(page[:PAGE])
        context |= {
            "letters": [(one, waiting.get(one.pk, 0)) for one in letters],
            "chosen": chosen.order_by().count(),
            "next": letters[-1].letter if len(page) > PAGE else None,
            "inside": any(group.value == console.opened != "" for group in shown),
            "title": next((g.title for g in shown if g.value == console.opened), "")
            or str(console.criteria),
            "watched": ",".join(str(one.letter) for one in letters),
        }
    return context


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


def _encoded(parameters: Mapping[str, Any]) -> str:
    query = QueryDict(mutable=True)
    query.update({name: "1" if value is True else value for name, value in parameters.items()})
    return query.urlencode()


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
