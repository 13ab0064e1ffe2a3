"""Objectives that an app declares: what share of what begins is to get somewhere in time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from flowdeck.declare.event import Event
from flowdeck.errors import RegistrationError

LONGEST_NAME = 80
LONGEST_WITHIN = timedelta(days=1)
MOST_DAYS = 90


@dataclass(frozen=True, slots=True)
class Aim:
    """Of the traces that begin with an event of one type, ``target`` percent are to reach one of
    another type ``within`` so many seconds, looked at over so many ``days``."""

    began_with: str
    reaches: str
    within: float
    target: float
    days: int

    def fault(self) -> str:
        """What makes no sense of it; empty if all does."""
        if self.began_with == self.reaches:
            return f"{self.reaches} is what begins it: name what it is to reach."
        if not 0 < self.within <= LONGEST_WITHIN.total_seconds():
            return f"within {self.within:g} s: more than 0, and a day (86,400 s) at most."
        if not 0 < self.target < 100:
            return f"{self.target:g} percent: more than 0, and less than 100: nothing always works."
        if not 1 <= self.days <= MOST_DAYS:
            return f"{self.days} days: 1 to {MOST_DAYS}."
        return ""


declared: dict[str, Aim] = {}
"""All that code declares, by name."""


def objective(
    name: str,
    *,
    began_with: type[Event],
    reaches: type[Event],
    within: float,
    target: float,
    days: int = 30,
) -> None:
    """Declare that ``target`` percent of the traces that begin with one event reach another
    ``within`` so many seconds::

        objective("Parcels are fast", began_with=Sent, reaches=Arrived, within=5, target=95)

    Raises RegistrationError for what makes no sense, and for a name that is taken.
    """
    aim = Aim(began_with.__name__, reaches.__name__, float(within), float(target), days)
    fault = aim.fault()
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        fault = f"a name has 1 to {LONGEST_NAME} characters."
    elif declared.get(name, aim) != aim:
        fault = "another objective has this name."
    if fault:
        raise RegistrationError(f"The objective {name!r} can't be kept: {fault}")
    declared[name] = aim
