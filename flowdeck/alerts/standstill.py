"""What rules measure of what does not get on: nobody works, traces, processes, models, connectors.

A count stops at some hundred: then it is "at least".
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef

from flowdeck import clock
from flowdeck.alerts.measured import NOTHING, Measured, worst
from flowdeck.connect.standing import standings
from flowdeck.declare.registry import registry
from flowdeck.declare.states import UNFINISHED, DeliveryState
from flowdeck.models import AlertRule, Due, Event, Trace
from flowdeck.observe import current, processes
from flowdeck.observe.overview import overview

_LOOKED_AT = 500


def workers(rule: AlertRule) -> Measured:
    """Seconds that work is due while no worker says that it is alive."""
    found = overview()
    if found.idle_since is None:
        return NOTHING
    return Measured(round((found.as_of - found.idle_since).total_seconds(), 1))


def traces(rule: AlertRule) -> Measured:
    """Traces under way in which nothing has happened for so many minutes, and the oldest's stream.

    One whose deliveries all sleep until a time of their own does not stand still.
    """
    awake = [state for state in UNFINISHED if state != DeliveryState.SLEEPING]
    waits = Due.objects.filter(event=OuterRef("position"), state__among=awake)
    awaited = Event.objects.filter(correlation_id=OuterRef("pk")).filter(Exists(waits))
    still = Trace.objects.filter(state=Trace.State.UNDER_WAY, ended_at__lt=_before(rule))
    oldest = still.order_by("first_position")[:_LOOKED_AT].values("pk")
    found = Trace.objects.filter(pk__in=oldest).filter(Exists(awaited)).order_by("first_position")
    streams = list(found.values_list("stream", flat=True))
    return Measured(len(streams), streams[0]) if streams else NOTHING


def instances(rule: AlertRule) -> Measured:
    """Instances of processes that have not moved for so many minutes and wait for no timer."""
    still = processes.standing_still(_before(rule), rule.processor)
    found = list(still.values_list("process", "key")[:_LOOKED_AT])
    if not found:
        return NOTHING
    process, key = found[0]
    return Measured(len(found), f"{process} {key}", process)


def projections(rule: AlertRule) -> Measured:
    """Seconds that the oldest event waits that a projection has not read, and which one's it is."""
    names = [one.name for one in registry.processors.values() if one.replayable]
    return _longest(_waits([name for name in names if rule.processor in ("", name)]))


def connectors(rule: AlertRule) -> Measured:
    """Seconds that the outlet is behind that is worst off; one that is paused is not counted.

    How old that is what waits for an inlet, only its broker knows.
    """
    found = {one.name: one.seconds or 0.0 for one in standings() if one.paused_at is None}
    behind = _waits([name for name in found if name in registry.processors])
    return _longest(found | behind)


def _waits(names: list[str]) -> dict[str, float]:
    """Of those for whom anything waits: for how many seconds; one query."""
    moment, now = current.moment(), clock.now()
    oldest = {name: moment.by[name].oldest_at for name in names}
    return {name: max(0.0, (now - at).total_seconds()) for name, at in oldest.items() if at}


def _longest(found: dict[str, float]) -> Measured:
    longest = worst({name: seconds for name, seconds in found.items() if seconds})
    return longest._replace(value=round(longest.value, 1))


def _before(rule: AlertRule) -> datetime:
    return clock.now() - timedelta(minutes=rule.minutes)
