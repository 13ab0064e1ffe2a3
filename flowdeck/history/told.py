"""What several transactions told, together: read, and added to figures and traces."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime
from itertools import accumulate
from typing import Any

import orjson

from flowdeck.history import figures, traces
from flowdeck.history.figures import Slot
from flowdeck.history.tally import FINEST, Facts
from flowdeck.history.traces import Logged, Sum


class Told:
    """Sums of what was told. ``facts`` are by slot, ``sums`` by position."""

    def __init__(self) -> None:
        self.facts: defaultdict[Slot, Facts] = defaultdict(Facts)
        self.sums: defaultdict[int, Sum] = defaultdict(Sum)

    def read(self, processor: str, text: str) -> None:
        """Add what one tally says (:mod:`flowdeck.history.tally`)."""
        told: dict[str, Any] = orjson.loads(text)
        for position, came in told.get("appended", ()):
            self.sums[position].events += 1
            self.sums[position].came += came
        for position in told.get("came", ()):
            self.sums[position].add(1, int(told["settled"]), 0, 0, None)
        done, ended_at = accumulate(told.get("done", ())), accumulate(told.get("ended", ()))
        for position, ended in zip(done, ended_at, strict=True):
            self.sums[position].add(0, 1, 0, 0, ended)
        for position, *change in told.get("other", ()):
            self.sums[position].add(*change)
        for slot, by_type in told.get("facts", {}).items():
            for name, listed in by_type.items():
                _add(self.facts[int(slot), processor, name], listed)

    def keep(self, now: datetime) -> None:
        """Add all of it to the rows that are kept. Needs the transaction of the fold."""
        events = traces.logged(self.sums)
        figures.handled(self.facts, now)
        figures.produced(self._produced(events), now)
        traces.add(self.sums, events)

    def _produced(self, events: Mapping[int, Logged]) -> Counter[Slot]:
        found = Counter[Slot]()
        for position, told in self.sums.items():
            event = events.get(position)
            if told.events and event is not None:
                at = figures.beginning(FINEST, int(event.recorded_at.timestamp()))
                found[at, event.type, event.producer] += 1
        return found


def _add(facts: Facts, listed: list[Any]) -> None:
    *counts, run, wait, age = listed[:9]
    sketches = ({int(at): n for at, n in one.items()} for one in (run, wait, age))
    figures.add(facts, Facts(*counts, *sketches))
