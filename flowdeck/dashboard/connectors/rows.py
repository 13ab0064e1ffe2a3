"""What the two tables of connectors show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flowdeck.connect.standing import Standing


@dataclass(frozen=True, slots=True)
class Rows:
    """All connectors."""

    all: Sequence[Standing]

    @property
    def outlets(self) -> list[Standing]:
        """Those that hand on."""
        return [one for one in self.all if not one.is_inlet]

    @property
    def inlets(self) -> list[Standing]:
        """Those that take in."""
        return [one for one in self.all if one.is_inlet]

    @property
    def late(self) -> int:
        """How many outlets have not handed on all that there is."""
        return sum(1 for one in self.outlets if one.behind)

    @property
    def furthest(self) -> Standing | None:
        """The outlet that is behind most, without the paused ones."""
        late = [one for one in self.outlets if one.behind and not one.paused_by]
        return max(late, key=lambda one: one.seconds or 0.0, default=None)

    @property
    def refusing(self) -> int:
        """How many inlets have messages that could not be taken in."""
        return sum(1 for one in self.inlets if one.letters)

    @property
    def rate_in(self) -> float:
        """Messages taken in per second."""
        return sum(one.per_second for one in self.inlets)

    @property
    def rate_out(self) -> float:
        """Messages handed on per second."""
        return sum(one.per_second for one in self.outlets)
