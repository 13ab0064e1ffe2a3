"""What first: what only a person can end, the worst first, each with the place to end it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.urls import reverse

from flowdeck import words
from flowdeck.connect.standing import Standing as ConnectorStanding
from flowdeck.dashboard.shared.standing import Standing, Trouble
from flowdeck.declare.states import DeliveryState
from flowdeck.letters.groups import Group
from flowdeck.models import AlertRule
from flowdeck.observe.overview import Overview

MOST = 7
_NEW = timedelta(hours=24)
_LATE = 60.0  # seconds behind from which on a connector needs somebody


@dataclass(frozen=True, slots=True)
class Need:
    """One thing: what it is, what is known of it, what it does, and where to go.

    ``chart`` names the processor whose waiting is drawn. ``since`` is when it began.
    """

    mark: str
    title: str
    detail: str
    effect: str
    url: str
    action: str
    aside: str = ""
    since: datetime | None = None
    chart: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What needs are told from; what the reader may not see is empty."""

    overview: Overview
    standings: Sequence[Standing]
    alerts: Sequence[AlertRule] = ()
    groups: Sequence[Group] = ()
    connectors: Sequence[ConnectorStanding] = ()


def needs(facts: Facts) -> list[Need]:
    """All of them, in order."""
    by_trouble = {kind: [s for s in facts.standings if s.trouble == kind] for kind in Trouble}
    return [
        *_of_workers(facts.overview),
        *(_alert(rule) for rule in facts.alerts),
        *(_stopped(one) for one in by_trouble[Trouble.STOPPED] if not facts.overview.nobody_works),
        *(_failing(one) for one in by_trouble[Trouble.FAILING]),
        *(_group(group, facts.overview.as_of) for group in facts.groups),
        *(_paused(one) for one in (*by_trouble[Trouble.HELD], *by_trouble[Trouble.PAUSED])),
        *(need for one in facts.connectors if (need := _connector(one))),
    ]


def _of_workers(overview: Overview) -> Iterator[Need]:
    page = reverse("flowdeck:processors")
    if overview.nobody_works:
        waiting = overview.totals.waiting
        yield Need(
            DeliveryState.DEAD,
            "Nobody works",
            "Work is due and no worker says that it is alive. Start one, or run "
            "manage.py drain --loop.",
            f"{words.counted(waiting, 'delivery', 'deliveries')} "
            f"{words.noun(waiting, 'waits', 'wait')}",
            page,
            "Open workers",
            since=overview.idle_since,
        )
    if overview.cut_off:
        number = len(overview.cut_off)
        yield Need(
            DeliveryState.RETRYING,
            f"{words.counted(number, 'worker')} can’t reach Redis or the broker",
            "Work goes on from the database, a second or more later.",
            f"{number:,} of {words.counted(len(overview.workers), 'worker')}",
            page,
            "Open workers",
            since=overview.cut_off_since,
        )


def _alert(rule: AlertRule) -> Need:
    return Need(
        DeliveryState.DEAD,
        f"Alert: {rule.name}",
        rule.about or "It fires until its cause is gone.",
        f"{words.figure(rule.value)} {rule.get_kind_display()}",
        reverse("flowdeck:alerts"),
        "Open alert",
        since=rule.firing_since,
    )


def _stopped(one: Standing) -> Need:
    return Need(
        DeliveryState.DEAD,
        f"{one.name} stands still",
        "Work is due for it and none was done for a minute.",
        _wait(one),
        _page_of(one),
        f"Open {one.name}",
        aside=_outlook(one),
        chart=one.name,
    )


def _failing(one: Standing) -> Need:
    assert one.times is not None
    return Need(
        DeliveryState.RETRYING,
        f"{one.name} fails: {one.times.failed or 0:.0f} % of attempts",
        f"{one.times.failures:,} of {one.times.attempts:,} attempts failed in the last 10 minutes.",
        _wait(one),
        _page_of(one),
        f"Open {one.name}",
        aside=_outlook(one),
        chart=one.name,
    )


def _group(group: Group, now: datetime) -> Need:
    is_new = group.first_at is not None and group.first_at > now - _NEW and not group.came_back
    said = " is new" if is_new else " came back" if group.came_back else ""
    keys = f", {words.counted(group.keys, 'key')} held" if group.keys else ""
    query = urlencode({"fingerprint": group.value})
    return Need(
        DeliveryState.DEAD,
        f"{group.title}{said}" if said else f"Dead letters: {group.title}",
        f"{group.processor}: {group.sample.message}" if group.sample else "",
        f"{words.counted(group.count, 'letter')}{keys}",
        f"{reverse('flowdeck:dead_letters')}?{query}",
        "Open letters",
        since=group.first_at,
    )


def _paused(one: Standing) -> Need:
    resume = f"{reverse('flowdeck:processors')}?{urlencode({'resume': one.name})}"
    return Need(
        DeliveryState.PARKED,
        f"{one.name} is paused by {one.row.paused_by}",
        one.row.pause_reason,
        _wait(one),
        resume,
        f"Resume {one.name}…",
        since=one.row.paused_at,
        chart=one.name,
    )


def _connector(one: ConnectorStanding) -> Need | None:
    if one.paused_by:
        mark, title, detail = (
            DeliveryState.PARKED,
            f"is paused by {one.paused_by}",
            one.pause_reason,
        )
    elif one.error:
        mark, title, detail = DeliveryState.RETRYING, "does not get on", one.error
    elif one.behind and (one.seconds or 0.0) > _LATE:
        mark, title, detail = DeliveryState.RETRYING, "is behind", one.last_error
    else:
        return None
    behind = f"{one.behind:,}{'+' if one.bounded else ''}"
    unit = words.noun(one.behind, "message" if one.is_inlet else "event")
    seconds = f", {words.duration(one.seconds)}" if one.seconds and one.behind else ""
    return Need(
        mark,
        f"{one.name} {title}",
        detail,
        f"{behind} {unit} behind{seconds}",
        reverse("flowdeck:connectors"),
        "Open connectors",
        since=one.paused_at,
    )


def _wait(one: Standing) -> str:
    """What waits and for how long."""
    if not one.waiting:
        return "Nothing waits"
    more = "+" if one.at_least else ""
    wait = words.noun(one.waiting, "waits", "wait")
    oldest = f", the oldest {one.stands_since}" if one.stands_since else ""
    return f"{one.waiting:,}{more} {wait}{oldest}"


def _outlook(one: Standing) -> str:
    if one.growth is None or not one.waiting:
        return ""
    minute = one.growth * 60
    return f"+{minute:,.0f} a minute" if minute >= 0.5 else f"done {one.drained}"


def _page_of(one: Standing) -> str:
    return reverse("flowdeck:processor", args=[one.name])
