"""The rate of each event type over the last ten minutes, and how many events of it are stored."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import Sum

from flowdeck import clock
from flowdeck.database import connection
from flowdeck.history.tally import FINEST
from flowdeck.models import Produced
from flowdeck.observe import rates
from flowdeck.sql.parts import placeholders

SECONDS, STEP = 600, 20
WIDTH, HEIGHT = 58.0, 18.0
COUNTED = 1_000
"""Events of a type counted at most; a count above means "at least"."""

_SCALE = 4  # events in a step that reach half the height, at least: one event is no mountain


@dataclass(frozen=True, slots=True)
class TypeLine:
    """One type: events of the last ten minutes (``at_least`` if not all of them are known),
    and the points of its line, the newest whole step at the right end."""

    count: int
    at_least: bool
    points: str
    start: str


def type_lines(now: datetime | None = None) -> dict[str, TypeLine]:
    """By name, of types that came lately; two queries of the figures that are kept."""
    now = now or clock.now()
    last = int(now.timestamp()) // STEP  # this step is not whole yet
    first = last - SECONDS // STEP
    since = datetime.fromtimestamp(first * STEP, UTC)
    window = rates.between(since, now, FINEST)
    if cut := window.since > since:  # the step in which the figures begin is not whole
        first = int(window.since.timestamp()) // STEP + 1
    bins: dict[str, Counter[int]] = defaultdict(Counter)
    rows = Produced.objects.filter(window.rows).order_by().values_list("type", "at")
    for name, at, number in rows.annotate(total=Sum("n")):
        bins[name][at // STEP] += number
    return {
        name: TypeLine(known.total(), cut, *_line(known, first, last))
        for name, known in bins.items()
    }


def stored_counts(names: list[str]) -> dict[str, int]:
    """How many events of each type are stored, counted to one above ``COUNTED``; one query."""
    if not names:
        return {}
    values = placeholders(names, "(CAST(%s AS text))")
    query = f"""
        WITH t(name) AS (VALUES {values})
        SELECT t.name, (SELECT count(*) FROM (
          SELECT 1 FROM flowdeck_event e WHERE e.type = t.name LIMIT {COUNTED + 1}) AS counted)
        FROM t
    """
    with connection.cursor() as cursor:
        cursor.execute(query, names)
        return dict(cursor.fetchall())


def _line(known: dict[int, int], first: int, last: int) -> tuple[str, str]:
    """Points, and where the first of them stands."""
    steps = SECONDS // STEP
    unit, most = WIDTH / (steps - 1), max(2 * _SCALE, *known.values())
    places = [
        ((steps - last + bin) * unit, HEIGHT - 1.5 - known.get(bin, 0) / most * (HEIGHT - 3))
        for bin in range(first, last)
    ]
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places), f"{places[0][0] if places else 0:.1f}"
