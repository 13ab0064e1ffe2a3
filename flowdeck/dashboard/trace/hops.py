"""What came to a trace, and went on from it, over connectors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from flowdeck.conf import conf
from flowdeck.connect.mapping import inlets
from flowdeck.connect.outlets import Outlet, outlets
from flowdeck.declare.metadata import came_over
from flowdeck.models import Connector
from flowdeck.observe.traces import EventNode, Trace

HANDED_ON, WAITS, PAUSED = "handed on", "waits", "paused"


@dataclass(frozen=True, slots=True)
class Hop:
    """An event came in by an inlet, from a ``place``, or goes out by an outlet, to one.

    ``state`` is how far it is: ``HANDED_ON``, ``WAITS``, ``PAUSED``, or empty for what came in.
    ``url`` is the page of its trace at the other end, if the settings know that.
    """

    event: EventNode
    connector: str
    inward: bool
    place: str
    state: str
    url: str

    @property
    def waits(self) -> bool:
        """Whether it has not gone out yet."""
        return self.state in (WAITS, PAUSED)

    @property
    def declared(self) -> bool:
        """Whether there is such a connector now."""
        return self.connector in inlets or self.connector in outlets


def hops_of(trace: Trace) -> dict[int, list[Hop]]:
    """The hops of the events of a trace, by their positions. One query, if outlets follow the log.

    What an outlet has a delivery for is none: the delivery tells it all. Nor is what was in the log
    before the outlet began.
    """
    following = [one for one in outlets.values() if one.mode == "log"]
    rows = Connector.objects.in_bulk([one.name for one in following]) if following else {}
    found: dict[int, list[Hop]] = defaultdict(list)
    for event in trace.events:
        position = event.row.position
        if (came := came_over(event.row.metadata)) is not None:
            found[position].append(_came(event, *came))
        found[position] += _goes(event, following, rows)
    return found


def _came(event: EventNode, by: str, source: str) -> Hop:
    return Hop(event, by, True, source, "", _elsewhere(by, event))


def _goes(event: EventNode, following: list[Outlet], rows: dict[str, Connector]) -> Iterator[Hop]:
    told = {delivery.processor for delivery in event.deliveries}
    for outlet in following:
        row = rows.get(outlet.name) or Connector(name=outlet.name)
        is_its = outlet.hears(event.row.type, event.row.stream) and outlet.name not in told
        if is_its and event.row.position > row.since:
            to = outlet.to.format(type=event.row.type)
            yield Hop(
                event, outlet.name, False, to, _state(event, row), _elsewhere(outlet.name, event)
            )


def _state(event: EventNode, row: Connector) -> str:
    if event.row.position <= row.position:
        return HANDED_ON
    return PAUSED if row.paused_at else WAITS


def _elsewhere(connector: str, event: EventNode) -> str:
    template = conf().TRACES_ELSEWHERE.get(connector, "")
    return template.replace("{correlation_id}", str(event.row.correlation_id))
