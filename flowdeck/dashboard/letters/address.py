"""The address of the dead-letter console: which letters it speaks of, and how they are grouped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.http import QueryDict

from flowdeck import parsing
from flowdeck.letters.dead_letters import NAMES, Criteria
from flowdeck.letters.groups import BY, Group

MOST_IDS = 500
STANDINGS = ("open", "acknowledged", "on hold", "came back")
_FIELD = {"error": "fingerprint"}
_WORDS = 80


@dataclass(frozen=True, slots=True)
class Chip:
    """One part of the filter, and the address without it."""

    name: str
    value: str
    without: str


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


def _encoded(parameters: Mapping[str, Any]) -> str:
    query = QueryDict(mutable=True)
    query.update({name: "1" if value is True else value for name, value in parameters.items()})
    return query.urlencode()
