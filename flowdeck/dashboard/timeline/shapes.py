"""The shapes of the timeline: window, axis, lanes, bars, marks, arcs. Pure.

Heights are pixels, positions along the time axis percent, so the drawing stretches without script.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from uuid import UUID

from flowdeck.models import Event

WINDOWS = {15: "15 s", 60: "1 min", 300: "5 min", 3600: "1 h"}
HEAD = 24
"""Height of the axis, px."""
ROW, FIRST = 12, 8
"""Distance of a lane's rows and middle of the first, px."""
FEW_ROWS, MANY_ROWS = 3, 5
BAND = 26
"""Height of the band of what waits, px."""
FOLDED = "+"
"""Name of the lane that stands for those that are folded away."""

NOW = 98.6
"""Percent of the width at which the window ends, so that marks there stay inside."""

_STEPS = {15: 3, 60: 10, 300: 60, 3600: 600}  # seconds between labelled ticks


@dataclass(frozen=True, slots=True)
class Window:
    """The stretch of time that is shown: ``seconds`` up to ``until``.

    Positions count from ``origin``, which stays for a whole length of the window: so what is drawn
    stays as it is and only the paper moves, by ``shift``. A page then patches next to nothing.
    """

    seconds: int
    until: datetime

    @property
    def since(self) -> datetime:
        """Where it begins."""
        return self.until - timedelta(seconds=self.seconds)

    @property
    def origin(self) -> datetime:
        """Where positions count from: the last round moment before the window."""
        start = int(self.since.timestamp()) // self.seconds * self.seconds
        return datetime.fromtimestamp(start, UTC)

    @property
    def shift(self) -> float:
        """Percent by which the window begins after the origin."""
        return self.x(self.since)

    def x(self, moment: datetime) -> float:
        """Percent of a moment, from the origin."""
        return round((moment - self.origin).total_seconds() / self.seconds * NOW, 2)

    def ends(self, after: float) -> datetime:
        """The end of the window when it is moved by a part of its length."""
        return self.until + timedelta(seconds=self.seconds * after)


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the grid at a round moment; ``at`` is labelled if it is set and there is room."""

    x: float
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Flag:
    """A release that was first seen here."""

    x: float
    name: str
    note: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A piece of a delivery or of a histogram; ``width`` 0 is a wall."""

    x: float
    width: float
    y: float
    height: float
    kind: str


@dataclass(frozen=True, slots=True)
class Run:
    """What is drawn of one delivery."""

    id: str
    bars: list[Bar]
    correlation_id: UUID
    kin: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """An event. ``cause`` is the position of the event that set it off, if that is drawn too."""

    x: float
    y: float
    event: Event
    kin: bool
    selected: bool
    cause: int | None = None


@dataclass(frozen=True, slots=True)
class Arc:
    """From an event to what it set off; x in thousandths, for a stretched view box."""

    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def middle(self) -> float:
        """Where the bend is."""
        return round((self.y1 + self.y2) / 2, 1)


@dataclass(frozen=True, slots=True)
class Band:
    """What waits: an area and its edge in a box of 1000 by ``BAND``; ``kind`` is why it waits:
    ``parked``, ``retrying`` or ``pending``. ``words`` stand at its right end."""

    kind: str
    area: str
    line: str
    words: str


@dataclass(slots=True)
class Lane:
    """A swimlane; y of what is in it counts from its own top. It grows with what runs at once."""

    name: str
    title: str
    is_processor: bool
    rows: int = FEW_ROWS
    top: int = HEAD
    runs: list[Run] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)  # counts, of a dense window
    marks: list[Mark] = field(default_factory=list)
    band: Band | None = None
    left_out: int = 0
    per_second: float | None = None
    p50: float | None = None

    @property
    def inner(self) -> int:
        """Height of its rows, px."""
        return (self.rows - 1) * ROW + 2 * FIRST

    @property
    def height(self) -> int:
        """Height with its band, px."""
        return self.inner + (BAND if self.band is not None else 0)

    @property
    def folded(self) -> bool:
        """Whether it stands for lanes that are folded away."""
        return self.name == FOLDED


@dataclass(frozen=True, slots=True)
class Drawing:
    """All of it."""

    lanes: list[Lane]
    ticks: list[Tick]
    arcs: list[Arc]
    height: int
    shown: int


def ticks(window: Window) -> list[Tick]:
    """Lines at round moments, each fifth of a step, labelled at whole steps."""
    step = _STEPS[window.seconds]
    small = max(1, step // (3 if window.seconds == 15 else 5))
    first = int(window.since.timestamp()) // small * small
    found = []
    for second in range(first, int(window.until.timestamp()) + 1, small):
        moment = datetime.fromtimestamp(second, UTC)
        if moment < window.since:
            continue
        x = window.x(moment)
        room = 5 < x - window.shift < 94
        found.append(Tick(x, moment if second % step == 0 and room else None))
    return found


def lanes_for(
    processors: Sequence[str],
    outside: Iterable[str],
    folded: Sequence[str] = (),
    bands: Mapping[str, Band] = MappingProxyType({}),
) -> list[Lane]:
    """One lane for producers outside of processors, one for each processor, one for the folded."""
    names = sorted(set(outside))
    lanes = [Lane("", names[0] if len(names) == 1 else "producers", False)]
    lanes += [Lane(name, name, True, band=bands.get(name)) for name in processors]
    if folded:
        lanes.append(Lane(FOLDED, f"{len(folded)} more", False))
    return lanes


def stack(lanes: Sequence[Lane]) -> int:
    """Put the lanes one below the other; the height of all."""
    top = HEAD
    for lane in lanes:
        lane.top = top
        top += lane.height
    return top
