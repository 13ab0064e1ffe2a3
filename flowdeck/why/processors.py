"""Why a processor does not get on: stopped, starved, or nobody says what it hears."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.db.models import Max, Q

from flowdeck import words
from flowdeck.declare.registry import registry
from flowdeck.declare.states import HOLDING, UNFINISHED, DeliveryState
from flowdeck.models import Due, Event
from flowdeck.why import ground as grounds
from flowdeck.why import waiting
from flowdeck.why.answer import Chain, Fact, Found, Kind, Link, worst_of
from flowdeck.why.ground import Ground, Held

_SHOWN = 20  # of its deliveries looked at, of each kind


def explain(name: str) -> Found:
    """The chain that keeps it from its work; a constant number of queries."""
    rows = _first(name)
    speakers = [other for other in _speakers(name) if other != name]
    ground = grounds.read([name, *speakers], rows)
    waits = any(row.state in UNFINISHED for row in rows)
    chains = [*waiting.switched(name, ground)]
    chains = [one.then(_waits(name, ground, rows)) if waits else one for one in chains]
    chains += [waiting.explain(row, row.state, ground) for row in rows]
    if not waits:
        chains += _starved(name, speakers, ground)
    return worst_of(chains, _ruled_out(name, ground))


def _first(name: str) -> list[Held]:
    """Its oldest deliveries that wait, and its oldest dead letters; three queries."""
    waits = Due.objects.filter(
        processor=name, event_id__in=grounds.first_waiting(name, _SHOWN), state__in=UNFINISHED
    )
    dead = Due.objects.filter(Q(state__among=HOLDING), processor=name, state=DeliveryState.DEAD)
    found: list[Held] = []
    for rows in (waits, dead):
        events = rows.select_related("event").defer("event__data", "event__metadata")
        found += [Held.of(row, row.event) for row in events.order_by("event_id")[:_SHOWN]]
    return found


def _waits(name: str, ground: Ground, rows: Sequence[Held]) -> Fact:
    oldest = min(row.recorded_at for row in rows if row.state in UNFINISHED)
    count = Due.objects.filter(Q(state__among=UNFINISHED), processor=name)[: grounds.COUNTED]
    number = count.count()
    more = "+" if number >= grounds.COUNTED else ""
    said = f"{number:,}{more} {words.noun(number, 'delivery waits', 'deliveries wait')} for {name}"
    return Fact(Kind.PARKED, said, Link("processor", name), oldest)


def _speakers(name: str) -> list[str]:
    """Who says what it hears."""
    declared = registry.processors.get(name)
    heard = set(declared.subscriptions if declared else ())
    return [
        other
        for other, one in sorted(registry.processors.items())
        if one.emits is not None and heard.intersection(one.emits)
    ]


def _starved(name: str, speakers: Sequence[str], ground: Ground) -> Iterator[Chain]:
    """It has nothing to do: because those who say what it hears are stopped, or nobody says it."""
    declared = registry.processors.get(name)
    if declared is None or not declared.subscriptions:
        return
    for other in speakers:
        for chain in waiting.switched(other, ground):
            heard = words.listed(_between(other, name))
            fact = Fact(Kind.WAITS_FOR, f"{name} waits for {heard}", Link("processor", name))
            yield chain.then(fact)
    rows = Event.objects.filter(type__in=declared.subscriptions)
    if rows.aggregate(last=Max("position"))["last"] is None:
        types = words.listed(declared.subscriptions[:4])
        said = f"Nobody has published {types} yet, which is all that {name} hears"
        yield Chain((Fact(Kind.OUTSIDE, said, Link("processor", name)),))


def _between(speaker: str, name: str) -> list[str]:
    said = registry.processors[speaker].emits or ()
    return [one for one in registry.processors[name].subscriptions if one in said][:4]


def _ruled_out(name: str, ground: Ground) -> Iterator[str]:
    if ground.workers:
        yield f"No worker is missing: {len(ground.workers)} alive."
    if name not in ground.paused:
        yield f"{name} is not paused."
    if name in ground.controls and waiting.throttled(name, ground) is None:
        yield "Its breaker is closed and no limit is reached."
