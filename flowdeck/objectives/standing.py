"""How objectives stand: the share that got there, what is left of the budget, how fast it burns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flowdeck import clock
from flowdeck.history.figures import DAY, MINUTE, beginning
from flowdeck.models import Objective, Reached
from flowdeck.objectives.judging import LATE

WINDOWS = {"5 min": 300, "30 min": 1800, "1 h": 3600, "6 h": 21_600}
"""Over which the burn is told, in seconds."""

_TOO_FAST = (("5 min", "1 h", 14.4), ("30 min", "6 h", 6.0))
"""A short and a long window, and how many times too fast it burns in both if that is to alert: the
first takes two percent of a budget of 30 days in an hour, the second five percent in six."""

_ENOUGH = 5  # traces in the long window, from which on it says anything


@dataclass(frozen=True, slots=True)
class Count:
    """Traces that began in a stretch of time, and those of them that got there in time."""

    begun: int = 0
    reached: int = 0

    def plus(self, other: Count) -> Count:
        """Both together."""
        return Count(self.begun + other.begun, self.reached + other.reached)

    @property
    def missed(self) -> int:
        """Those that did not."""
        return self.begun - self.reached

    @property
    def share(self) -> float | None:
        """Percent that got there; None if nothing began."""
        return 100 * self.reached / self.begun if self.begun else None


@dataclass(frozen=True, slots=True)
class Standing:
    """An objective: its whole window, its ``days`` (when each begins, and its count), and each of
    the ``WINDOWS`` of the burn. ``until``: what began later is not judged yet."""

    row: Objective
    whole: Count
    days: Sequence[tuple[datetime, Count]]
    windows: dict[str, Count]
    until: datetime

    @property
    def allowed(self) -> float:
        """How many may miss it, of as many as began."""
        return self.whole.begun * (100 - self.row.target) / 100

    @property
    def left(self) -> float | None:
        """Percent of the budget that is left, below 0 if more is gone; None if nothing began."""
        return 100 * (1 - self.whole.missed / self.allowed) if self.allowed else None

    def burn(self, window: str) -> float | None:
        """How many times as fast as it may the budget burns; 1 uses it up just in time."""
        count = self.windows[window]
        allowed = count.begun * (100 - self.row.target) / 100
        return count.missed / allowed if allowed else None

    @property
    def burns(self) -> list[tuple[str, float | None]]:
        """Of each window."""
        return [(window, self.burn(window)) for window in WINDOWS]

    @property
    def burns_too_fast(self) -> bool:
        """Whether it does in a short and in a long window: it still does, and it is no trifle."""
        return any(
            (self.burn(short) or 0.0) >= times
            and (self.burn(long) or 0.0) >= times
            and self.windows[long].begun >= _ENOUGH
            for short, long, times in _TOO_FAST
        )


def standings() -> list[Standing]:
    """Of all, by name; three queries."""
    found, now = list(Objective.objects.all()), clock.now()
    if not found:
        return []
    days, minutes = _by_day(found, now), _by_minute(found, now)
    return [_standing(row, days[row.pk], minutes[row.pk], now) for row in found]


Counts = dict[int, Count]


def _standing(row: Objective, days: Counts, minutes: Counts, now: datetime) -> Standing:
    until = _until(row, now)
    first = beginning(DAY, int((now - timedelta(days=row.days - 1)).timestamp()))
    shown = {at: count for at, count in sorted(days.items()) if at >= first}
    return Standing(
        row=row,
        whole=_sum(shown, first),
        days=[
            (datetime.fromtimestamp(at, UTC), shown.get(at, Count()))
            for at in range(first, int(now.timestamp()) + 1, DAY)
        ],
        windows={
            name: _sum(minutes, beginning(MINUTE, int(until.timestamp()) - seconds))
            for name, seconds in WINDOWS.items()
        },
        until=until,
    )


def _sum(counts: Counts, since: int) -> Count:
    found = Count()
    for at, one in counts.items():
        found = found.plus(one) if at >= since else found
    return found


def _until(row: Objective, now: datetime) -> datetime:
    return now - timedelta(seconds=row.within) - LATE


def _by_day(found: list[Objective], now: datetime) -> defaultdict[int, Counts]:
    longest = max(row.days for row in found)
    return _read(DAY, beginning(DAY, int((now - timedelta(days=longest)).timestamp())))


def _by_minute(found: list[Objective], now: datetime) -> defaultdict[int, Counts]:
    oldest = min(_until(row, now) for row in found).timestamp() - max(WINDOWS.values())
    return _read(MINUTE, beginning(MINUTE, int(oldest)))


def _read(grain: int, since: int) -> defaultdict[int, Counts]:
    counts: defaultdict[int, Counts] = defaultdict(dict)
    for row in Reached.objects.filter(grain=grain, at__gte=since):
        counts[row.objective][row.at] = Count(row.begun, row.reached)
    return counts
