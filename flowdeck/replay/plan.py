"""The plan of a run before it does anything: which events, how many, about how long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count

from flowdeck.declare.registry import Processor, registry
from flowdeck.errors import ReplayRefused
from flowdeck.models import Event, ReplayRun
from flowdeck.replay.differences import natural_key


@dataclass(frozen=True, slots=True)
class Plan:
    """The dry run: events by type, and ``seconds`` by the rate of the last run (None: first)."""

    processors: list[str]
    counts: dict[str, int]
    seconds: float | None

    @property
    def total(self) -> int:
        """All events that would be read."""
        return sum(self.counts.values())


def replayable(names: Sequence[str]) -> list[Processor]:
    """The declared projections of these names; all there are for none.

    Raises UnknownProcessor, or ReplayRefused for processors whose effects reach further than their
    own read model.
    """
    if not names:
        return [p for _, p in sorted(registry.processors.items()) if p.replayable and p.models]
    found = [registry.processor(name) for name in dict.fromkeys(names)]
    for processor in found:
        if not processor.replayable:
            raise ReplayRefused(
                f"{processor.name!r} is no projection: running it again would repeat its effects "
                "(events, calls to the outside). Only what @projection declares can be replayed; "
                "to give it chosen events again, see manage.py flowdeck redeliver."
            )
        if not processor.models:
            raise ReplayRefused(
                f"Projection {processor.name!r} names no read model: declare it with "
                "@projection(..., model=...)."
            )
        for model in processor.models:
            natural_key(model)
    return found


def plan(names: Sequence[str], to_position: int | None = None) -> Plan:
    """Count what a replay of the projections would read. Raises as :func:`replayable`."""
    projections = replayable(names)
    types = {name for projection in projections for name in projection.subscriptions}
    events = Event.objects.filter(type__in=types)
    if to_position is not None:
        events = events.filter(position__lte=to_position)
    counted = events.order_by().values_list("type").annotate(n=Count("pk"))
    counts = dict(sorted(counted.values_list("type", "n")))
    chosen = [projection.name for projection in projections]
    rate = _rate_of(chosen)
    return Plan(chosen, counts, sum(counts.values()) / rate if rate else None)


def _rate_of(names: list[str]) -> float | None:
    """The rate of the last finished run of just these, or else of any one that had work."""
    recent = list(ReplayRun.objects.filter(state=ReplayRun.State.FINISHED, done__gt=0)[:20])
    alike = [run for run in recent if run.processors == names]
    return next((run.rate for run in [*alike, *recent]), None)
