"""A past minute on the flow map: what went from whom to whom, as data to play back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from django.http import HttpRequest, HttpResponse, JsonResponse

from flowdeck import clock
from flowdeck.dashboard.flow.facts import DEAD, PROCESSOR, PRODUCER, TYPE, Facts
from flowdeck.dashboard.flow.map import Choice, FlowMap
from flowdeck.dashboard.shared.as_of import moment_of
from flowdeck.dashboard.shared.clockwork import Seconds
from flowdeck.dashboard.shell.page import requires
from flowdeck.dashboard.shell.rendering import render
from flowdeck.declare.registry import registry
from flowdeck.log.positions import SLACK, first_since
from flowdeck.models import Delivery, Event

SECONDS = 60
MOST = 5_000
"""Events of the minute that are told; of a busier one the first."""

SPEEDS = ("0.5", "1", "2", "5", "10", "20")
_STEP = 100  # ms; hops of one connection within it are told as one, with their number

Hop = tuple[int, str, str]
Told = tuple[int, str, str, float]
"""Position, type, producer and the moment of an event."""


@requires("view_log")
@requires("view_processors")
def past(request: HttpRequest) -> HttpResponse:
    """The map at rest, with what plays the minute that ends ``?until=`` (the newest by default)."""
    until = _until(request)
    facts = Facts.load()
    still = {
        link: replace(edge, per_second=0.0)
        for link, edge in facts.edges.items()
        if not edge.dead  # how many are dead now says nothing of then
    }
    nodes = {key: node for key, node in facts.nodes.items() if node.kind != DEAD}
    choice = Choice(models=True)
    context = {
        "map": FlowMap.of(replace(facts, nodes=nodes, edges=still), choice),
        "choice": choice,
        "until": until,
        "since": until - timedelta(seconds=SECONDS),
        "seconds": SECONDS,
        "speeds": SPEEDS,
    }
    return render(request, "flowdeck/flow/past.html", context)


@requires("view_log")
@requires("view_processors")
def hops(request: HttpRequest) -> HttpResponse:
    """The minute as JSON: ``hops`` are [ms since it began, from, to, how many], in order."""
    until = _until(request)
    since = until - timedelta(seconds=SECONDS)
    events = _events(since, until)
    counted = Counter(_hops(events[:MOST], since))
    told = sorted((at, source, target, n) for (at, source, target), n in counted.items())
    return JsonResponse(
        {
            "since": since.isoformat(),
            "seconds": SECONDS,
            "cut": len(events) > MOST,
            "hops": told,
        }
    )


def _until(request: HttpRequest) -> datetime:
    asked = moment_of(request.GET.get("until", ""))
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
        kind = PROCESSOR if producer in registry.processors else PRODUCER
        yield _ms(recorded - begun), f"{kind}:{producer}", f"{TYPE}:{type}"
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
