"""The past on the flow map: what went from whom to whom, as data to play back.

Of one minute every hop is told, of a longer reach how many there were in each step of time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse

from flowdeck import clock, parsing
from flowdeck.dashboard.flow.choice import Choice
from flowdeck.dashboard.flow.facts import PROCESSOR, PRODUCER, TYPE, Facts, Node
from flowdeck.dashboard.flow.map import FlowMap
from flowdeck.dashboard.shared.clockwork import Seconds
from flowdeck.dashboard.shared.run_times import QUIET
from flowdeck.dashboard.shell.page import requires
from flowdeck.dashboard.shell.rendering import render
from flowdeck.declare.registry import registry
from flowdeck.history.figures import DAY, HOUR, MINUTE, beginning
from flowdeck.history.tally import FINEST
from flowdeck.log.positions import SLACK, first_since
from flowdeck.models import Delivery, Event, Handled, Produced

SECONDS = 60
MOST = 5_000
"""Events of the minute that are told; of a busier one the first."""
MOST_ROWS = 40_000
"""Figures of a longer reach that are told; of a busier one the first."""

_STEP = 100  # ms; hops of one connection within it are told as one, with their number


@dataclass(frozen=True, slots=True)
class Reach:
    """So far back from a moment. ``grain`` are the seconds of a step, 0 where each hop is told;
    ``speeds`` are those it is played at."""

    seconds: int
    label: str
    grain: int
    speeds: tuple[str, ...]


REACHES = (
    Reach(SECONDS, "1 min", 0, ("0.5", "1", "5", "20", "60")),
    Reach(HOUR, "1 h", FINEST, ("1", "10", "60", "600")),
    Reach(DAY, "24 h", MINUTE, ("60", "600", "3600")),
    Reach(7 * DAY, "7 days", HOUR, ("600", "3600", "21600")),
)

Hop = tuple[int, str, str]
Told = tuple[int, str, str, float]
"""Position, type, producer and the moment of an event."""


@requires("view_log")
@requires("view_processors")
def past(request: HttpRequest) -> HttpResponse:
    """The map at rest, with what plays the ``?reach=`` of seconds that ends ``?until=``.

    By default the newest minute. What of the map is drawn is chosen as on the live one.
    """
    until, reach = _until(request), _reach(request)
    facts = Facts.load()
    still = {link: replace(edge, per_second=0.0) for link, edge in facts.edges.items()}
    nodes = {key: _then(node) for key, node in facts.nodes.items()}
    choice = Choice.of(request.GET)
    context = {
        "map": FlowMap.of(replace(facts, nodes=nodes, edges=still), choice),
        "choice": choice,
        "until": until,
        "since": until - timedelta(seconds=reach.seconds),
        "reach": reach,
        "reaches": REACHES,
        "usual": reach.speeds[1],
        "kept": choice.kept,
        "map_url": f"{reverse('flowdeck:flow')}{choice.query()}",
        "rest": choice.query().removeprefix("?"),
    }
    return render(request, "flowdeck/flow/past.html", context)


@requires("view_log")
@requires("view_processors")
def hops(request: HttpRequest) -> HttpResponse:
    """The same as JSON: ``hops`` are [ms since it began, from, to, how many], in order.

    With a ``step`` (ms) each tells of the step that begins then, and ``failed`` are the attempts
    that failed in it: [ms, processor, how many].
    """
    until, reach = _until(request), _reach(request)
    since = until - timedelta(seconds=reach.seconds)
    told = _in_steps(since, until, reach) if reach.grain else _hop_by_hop(since, until)
    return JsonResponse({"seconds": reach.seconds, "step": reach.grain * 1000, **told})


def _then(node: Node) -> Node:
    """A node without what is true of it only now."""
    if node.row is None:
        return node
    calm = replace(node.row, waiting=0, retrying=0, sleeping=0, dead=0, paused_at=None)
    return replace(node, row=calm, times=QUIET)


def _hop_by_hop(since: datetime, until: datetime) -> dict[str, Any]:
    events = _events(since, until)
    counted = Counter(_hops(events[:MOST], since))
    told = sorted((at, source, target, n) for (at, source, target), n in counted.items())
    return {"since": since.isoformat(), "cut": len(events) > MOST, "hops": told, "failed": []}


def _in_steps(since: datetime, until: datetime, reach: Reach) -> dict[str, Any]:
    """From the figures that the engine keeps; two queries."""
    first = beginning(reach.grain, int(since.timestamp()))
    known = Q(grain=reach.grain, at__gte=first, at__lt=int(until.timestamp()))
    wrote = Produced.objects.filter(known).order_by("at").values_list("at", "producer", "type", "n")
    handled = Handled.objects.filter(known).order_by("at")
    did = handled.values_list("at", "type", "processor", "done", "failed", "rejected")
    made, heard = list(wrote[: MOST_ROWS + 1]), list(did[: MOST_ROWS + 1])
    told = [(_since(first, at), _writer(by), f"{TYPE}:{name}", n) for at, by, name, n in made]
    told += [
        (_since(first, at), f"{TYPE}:{name}", f"{PROCESSOR}:{by}", n)
        for at, name, by, n, *_ in heard
        if n
    ]
    failed = [
        (_since(first, at), f"{PROCESSOR}:{by}", failed + rejected)
        for at, _, by, _, failed, rejected in heard
        if failed or rejected
    ]
    return {
        "since": datetime.fromtimestamp(first, UTC).isoformat(),
        "cut": max(len(made), len(heard)) > MOST_ROWS,
        "hops": sorted(told),
        "failed": sorted(failed),
    }


def _since(first: int, at: int) -> int:
    return (at - first) * 1000


def _writer(producer: str) -> str:
    return f"{PROCESSOR if producer in registry.processors else PRODUCER}:{producer}"


def _reach(request: HttpRequest) -> Reach:
    asked = request.GET.get("reach", "")
    return next((reach for reach in REACHES if str(reach.seconds) == asked), REACHES[0])


def _until(request: HttpRequest) -> datetime:
    asked = parsing.moment(request.GET.get("until", ""))
    if asked is not None:
        return asked
    newest = Event.objects.order_by("-position").values_list("recorded_at", flat=True).first()
    return (newest or clock.now()) + timedelta(seconds=2)  # its deliveries take a moment


def _events(since: datetime, until: datetime) -> list[Told]:
    """Of the minute; by position first, which needs no index on the time."""
    first, last = first_since(since - SLACK), first_since(until + SLACK)
    rows = Event.objects.filter(
        position__gte=first, position__lte=last, recorded_at__gte=since, recorded_at__lt=until
    )
    wanted = rows.order_by("position").values_list(
        "position", "type", "producer", Seconds("recorded_at")
    )
    return list(wanted[: MOST + 1])


def _hops(events: list[Told], since: datetime) -> Iterator[Hop]:
    types, begun = {}, since.timestamp()
    for position, type, producer, recorded in events:
        types[position] = type
        yield _ms(recorded - begun), _writer(producer), f"{TYPE}:{type}"
    if not events:
        return
    deliveries = Delivery.objects.filter(
        event_id__gte=events[0][0], event_id__lte=events[-1][0], started_at__isnull=False
    )
    for position, processor, started in deliveries.values_list(
        "event_id", "processor", Seconds("started_at")
    ):
        at = _ms(started - begun)
        if position in types and 0 <= at < SECONDS * 1000:
            yield at, f"{TYPE}:{types[position]}", f"{PROCESSOR}:{processor}"


def _ms(seconds: float) -> int:
    return int(seconds * 1000) // _STEP * _STEP
