"""Schedules: what is to be published again and again, by a calendar."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import islice
from typing import Literal, TypeVar
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from flowdeck.declare.event import Event
from flowdeck.declare.registry import registry
from flowdeck.errors import RegistrationError

Missed = Literal["last", "all", "none"]
Overlap = Literal["queue", "skip"]
Maker = TypeVar("Maker", bound=Callable[[datetime], Event])

GRACE = timedelta(minutes=1)
"""How late one may come that is not to be made up for."""
MOST_COUNTED = 10_000
_LONGEST_NAME = 50
_NAMESPACE = UUID("c9c1c1f5-6d0f-4f1c-9c57-1f6f6d1d3a52")


@dataclass(frozen=True)
class Schedule:
    """A schedule as declared in code: ``make`` gives the event of a nominal time.

    ``missed`` says what becomes of times at which nobody was there: one event for the last of them,
    one for each (of the last ``within`` seconds, if given), or none. With ``overlap="skip"`` there
    is none while a delivery of an earlier one is unfinished.
    """

    name: str
    expression: str
    zone: str
    make: Callable[[datetime], Event]
    stream: str
    missed: Missed = "last"
    within: float | None = None
    overlap: Overlap = "queue"

    @property
    def scope(self) -> str:
        """What its timers are of."""
        return f"schedule:{self.name}"

    @property
    def where(self) -> str:
        """Dotted path of the function, for messages."""
        return f"{self.make.__module__}.{self.make.__qualname__}"

    @property
    def description(self) -> str:
        """First line of the function's docstring, for the pages."""
        return (inspect.getdoc(self.make) or "").split("\n", 1)[0]

    @cached_property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    def event_id(self, nominal: datetime) -> UUID:
        """That of the one event of a nominal time, whoever plans it."""
        return uuid5(_NAMESPACE, f"{self.name} {nominal.astimezone(UTC).isoformat()}")

    def event(self, nominal: datetime) -> Event:
        """The event of a nominal time, which the function gets in the schedule's zone."""
        return self.make(nominal.astimezone(self._zone))

    def after(self, moment: datetime) -> datetime:
        """The next nominal time behind ``moment``, in UTC."""
        return next(self._times(moment))

    def between(self, after: datetime, upto: datetime) -> tuple[list[datetime], int]:
        """Nominal times behind ``after`` up to ``upto``: the first ones and the last, and how many
        there are (``MOST_COUNTED`` stands for that or more)."""
        found: list[datetime] = []
        for nominal in islice(self._times(after), MOST_COUNTED):
            if nominal > upto:
                return found, len(found)
            found.append(nominal)
        last = next(self._times(upto + timedelta(microseconds=1), reverse=True))
        return [*found, last], len(found)

    def superseded_at(self, nominal: datetime) -> datetime | None:
        """From when on the one of ``nominal`` is not to come any more; None: it is for ever."""
        if self.missed == "all":
            return nominal + timedelta(seconds=self.within) if self.within is not None else None
        following = self.after(nominal)
        return min(following, nominal + GRACE) if self.missed == "none" else following

    def next_of(self, since: datetime, now: datetime) -> tuple[datetime, int]:
        """The nominal time to plan, of those behind ``since``; and how many it stands for besides
        its own."""
        times, count = self.between(since, now)
        if times and self.missed == "last":
            return times[-1], count - 1
        if self.missed == "all":
            oldest = now - timedelta(seconds=self.within) if self.within is not None else since
            still = next((nominal for nominal in times if nominal > oldest), None)
            if still is not None:
                return still, 0
        return self.after(max(since, now)), 0

    def _times(self, moment: datetime, *, reverse: bool = False) -> Iterator[datetime]:
        local = moment.astimezone(self._zone)
        for found in CronSim(self.expression, local, reverse=reverse):
            yield found.astimezone(UTC)


schedules: dict[str, Schedule] = {}
"""All that are declared, by name."""


def schedule(
    expression: str,
    *,
    zone: str = "UTC",
    name: str = "",
    stream: str = "",
    missed: Missed = "last",
    within: timedelta | None = None,
    overlap: Overlap = "queue",
) -> Callable[[Maker], Maker]:
    """Publish what the decorated function returns, at the times of a cron expression::

        @schedule("0 2 * * mon-fri", zone="Europe/Berlin")
        def nightly(nominal: datetime) -> ReportDue:
            return ReportDue(day=nominal.date())

    The function is called before the time comes, with the nominal time in the ``zone``. Where
    clocks go forth, what falls into the gap comes at its end; where they go back, a fixed time
    comes once. ``missed``, ``within`` and ``overlap`` are as in :class:`Schedule`. The ``name`` is
    the function's, the ``stream`` ``schedule-<name>`` unless given. Raises RegistrationError.
    """

    def register(make: Maker) -> Maker:
        called = name or make.__name__
        made = Schedule(
            name=called,
            expression=expression,
            zone=zone,
            make=make,
            stream=stream or f"schedule-{called}",
            missed=missed,
            within=None if within is None else within.total_seconds(),
            overlap=overlap,
        )
        _add(_checked(made))
        return make

    return register


def _checked(made: Schedule) -> Schedule:
    where = f"schedule {made.name!r} ({made.where})"
    if not 1 <= len(made.name) <= _LONGEST_NAME or not all(
        c.isalnum() or c in "-_." for c in made.name
    ):
        raise RegistrationError(
            f"{where}: a name is 1 to {_LONGEST_NAME} letters, digits, '-', '_' or '.'."
        )
    if made.missed not in ("last", "all", "none") or made.overlap not in ("queue", "skip"):
        raise RegistrationError(
            f"{where}: missed is 'last', 'all' or 'none', overlap 'queue' or 'skip'; not "
            f"{made.missed!r}, {made.overlap!r}."
        )
    if made.within is not None and made.missed != "all":
        raise RegistrationError(f"{where}: within= goes with missed='all' only.")
    try:
        made.after(datetime.now(UTC))
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise RegistrationError(
            f"{where}: there is no zone {made.zone!r} here; name one such as 'Europe/Berlin' "
            "(the package tzdata brings them)."
        ) from error
    except (CronSimError, StopIteration) as error:
        raise RegistrationError(
            f"{where}: {made.expression!r} is no cron expression that ever comes ({error})."
        ) from error
    return made


def _add(made: Schedule) -> None:
    known = schedules.get(made.name)
    if known is not None and known.where != made.where:
        registry.problems.append(
            f"Schedule {made.name!r} is declared twice: by {known.where} and {made.where}. Give "
            "one another name=."
        )
        return
    schedules[made.name] = made
