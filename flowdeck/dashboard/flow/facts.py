"""Who talks to whom, as the registry declares it and as the newest rows show it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flowdeck.connect.standing import Standing, followed, standings
from flowdeck.dashboard.shared.observed import Produced, Received, TypeStatus, produced, received
from flowdeck.dashboard.shared.observed import type_statuses as statuses_of
from flowdeck.dashboard.shared.run_times import QUIET, UNKNOWN, RunTimes, run_times
from flowdeck.dashboard.shared.type_marks import hue_of_type, role_of_type
from flowdeck.declare.registry import registry
from flowdeck.models import Delivery
from flowdeck.observe import rates
from flowdeck.observe.overview import Overview, ProcessorRow, overview

PRODUCER, TYPE, PROCESSOR = "producer", "type", "processor"
MINUTE = 60
POOLED = 20
"""From so many on, what waits before a healthy processor is drawn."""


@dataclass(frozen=True, slots=True)
class Node:
    """A box of the map. ``status`` is that of a type, ``row`` and ``times`` of a processor;
    ``standing`` of one that is a connector."""

    kind: str
    name: str
    declared: bool = True
    status: TypeStatus | None = None
    row: ProcessorRow | None = None
    times: RunTimes = UNKNOWN
    standing: Standing | None = None

    @property
    def key(self) -> str:
        """Its name in addresses: ``type:ParcelSent``."""
        return f"{self.kind}:{self.name}"

    @property
    def is_projection(self) -> bool:
        """Whether it only writes a read model."""
        return self.row is not None and bool(self.row.declared and self.row.declared.replayable)

    @property
    def asks(self) -> bool:
        """Whether a processor has something to say, however quiet it is."""
        row, standing = self.row, self.standing
        if standing is not None and (standing.paused_by or standing.error or standing.behind):
            return True
        return row is not None and bool(row.waiting or row.dead or row.paused_at)

    @property
    def heat(self) -> str:
        """What is wrong with a processor: "paused", "failing", or nothing."""
        row, standing = self.row, self.standing
        if (row is not None and row.paused_at) or (standing is not None and standing.paused_by):
            return "paused"
        fails = row is not None and (row.retrying or self.times.failed)
        return "failing" if fails or (standing is not None and standing.error) else ""

    @property
    def pool(self) -> int:
        """How many wait before a processor, if that is worth a look: 0 while it is only busy."""
        waiting = self.row.waiting - self.row.sleeping if self.row else 0
        waiting += self.standing.behind if self.standing else 0
        return waiting if self.heat or waiting >= POOLED else 0

    @property
    def role(self) -> str:
        """Shape of a type's glyph."""
        return role_of_type(self.status) if self.status else "event"

    @property
    def hue(self) -> str:
        """The producer whose hue it has."""
        return hue_of_type(self.status) if self.status else self.name

    @property
    def per_second(self) -> float | None:
        """How many deliveries a processor finished; None if that is not known."""
        return self.times.per_second


@dataclass(frozen=True, slots=True)
class Edge:
    """A producer or processor writes a type, or a type goes to a processor.

    ``declared`` is None where nobody has to declare it. ``seen`` means within what was looked at;
    ``ever`` is False if the type was never stored at all.
    """

    source: str
    target: str
    per_second: float
    seen: bool
    declared: bool | None
    ever: bool = True
    held: bool = False

    @property
    def link(self) -> tuple[str, str]:
        """Both ends."""
        return self.source, self.target

    @property
    def mark(self) -> str:
        """What is odd about it: "unseen", "undeclared", or nothing."""
        if self.declared and not self.seen:
            return "unseen"
        return "undeclared" if self.declared is False else ""

    @property
    def words(self) -> str:
        """The mark in words."""
        if self.mark == "unseen":
            return "not seen lately" if self.ever else "never seen"
        return "not declared" if self.mark else ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that the map can show, by key and by link.

    Rates and percentiles are of the last ``window`` seconds; ``reach`` says of how many of them
    figures are known.
    """

    nodes: dict[str, Node]
    edges: dict[tuple[str, str], Edge]
    overview: Overview
    window: int = MINUTE
    reach: float = MINUTE

    @classmethod
    def load(cls, window: int = MINUTE) -> Facts:
        """Read it in thirteen queries, and two and one for each outlet if there are connectors.

        Each looks at a bounded number of rows.
        """
        known = rates.lately(window)
        got, wrote = received(known), produced(known)
        statuses = statuses_of(wrote)
        now, times = overview(), run_times(known)
        quiet = QUIET if known.seconds else UNKNOWN
        over = {standing.name: standing for standing in standings()}
        nodes = [
            *(Node(TYPE, s.name, s.name in registry.event_types, s) for s in statuses),
            *(
                Node(
                    kind=PROCESSOR,
                    name=row.name,
                    declared=True,
                    status=None,
                    row=row,
                    times=times.get(row.name, quiet),
                    standing=over.get(row.name),
                )
                for row in now.rows
            ),
        ]
        found = {node.key: node for node in nodes}
        edges = {
            edge.link: edge
            for edge in (
                *_listens(statuses, got, now, over),
                *_writes(statuses, wrote),
            )
        }
        for edge in edges.values():  # whoever is not declared: people, commands, former processors
            for key in edge.link:
                kind, _, name = key.partition(":")
                found.setdefault(key, Node(kind, name, kind == PRODUCER))
        return cls(found, edges, now, window, known.seconds)


def _listens(
    statuses: list[TypeStatus],
    got: list[Received],
    now: Overview,
    over: Mapping[str, Standing],
) -> Iterator[Edge]:
    """From types to processors."""
    rates = {(row.type, row.processor): row.per_second for row in got}
    last = {status.name: status.last_position for status in statuses}
    positions = {position: name for name, position in last.items() if position}
    newest = Delivery.objects.filter(event_id__in=positions).values_list("event_id", "processor")
    seen = {*rates, *((positions[position], processor) for position, processor in newest)}
    declared = {(t, p.name) for p in registry.processors.values() for t in p.subscriptions}
    handed = followed()
    declared |= handed
    seen |= {(name, outlet) for name, outlet in handed if over[outlet].moved}
    paused = {row.name for row in now.rows if row.paused_at}
    paused |= {name for name, standing in over.items() if standing.paused_by}
    for name, processor in sorted(seen | declared):
        yield Edge(
            source=f"{TYPE}:{name}",
            target=f"{PROCESSOR}:{processor}",
            per_second=rates.get((name, processor), 0.0),
            seen=(name, processor) in seen,
            declared=(name, processor) in declared,
            ever=last.get(name) is not None,
            held=processor in paused,
        )


def _writes(statuses: list[TypeStatus], wrote: list[Produced]) -> Iterator[Edge]:
    """From processors, and from whoever else produces, to types."""
    rates = {(row.producer, row.type): row.per_second for row in wrote}
    seen = {(producer, status.name) for status in statuses for producer in status.producers}
    ever = {status.name for status in statuses if status.last_position}
    declared = {(p.name, t) for p in registry.processors.values() for t in p.emits or ()}
    for producer, name in sorted(seen | declared):
        processor = registry.processors.get(producer)
        says = processor is not None and processor.emits is not None
        yield Edge(
            source=f"{PROCESSOR if processor else PRODUCER}:{producer}",
            target=f"{TYPE}:{name}",
            per_second=rates.get((producer, name), 0.0),
            seen=(producer, name) in seen,
            declared=(producer, name) in declared if says else None,
            ever=name in ever,
        )
