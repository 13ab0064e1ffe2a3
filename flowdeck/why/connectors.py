"""Why nothing arrives outside, or comes in: paused, its broker away, not run, letters, behind."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Q

from flowdeck import clock, words
from flowdeck.connect.connectors import named
from flowdeck.connect.mapping import Inlet
from flowdeck.connect.standing import behind_of
from flowdeck.declare.states import HOLDING, DeliveryState
from flowdeck.models import Connector, Due
from flowdeck.why import processors
from flowdeck.why.answer import Chain, Fact, Found, Kind, Link, Way, worst_of


def explain(name: str) -> Found:
    """The chain of a connector; nothing if it gets on. Raises UnknownConnector."""
    declared = named(name)
    row = Connector.objects.filter(pk=name).first() or Connector(name=name)
    chains = [*_switched(row), *_letters(name)]
    inlet = isinstance(declared, Inlet)
    if isinstance(declared, Inlet) or declared.mode == "log":
        chains += [*_not_run(row)]
        count, seconds = behind_of(declared, row, clock.now())
        if count:
            noun = words.noun(count, "message" if inlet else "event")
            waits = f", the oldest for {words.duration(seconds)}" if seconds else ""
            said = f"{count:,} {noun} {words.noun(count, 'is', 'are')} before it{waits}"
            what = Fact(Kind.BEHIND, said, _link(name))
            chains = [one.then(what) for one in chains] or [Chain((what,))]
    else:
        found = processors.explain(name)
        chains += [found.chain] if found.chain is not None else []
    return worst_of(chains)


def _switched(row: Connector) -> Iterator[Chain]:
    if row.paused_at is not None:
        by = f" by {row.paused_by}" if row.paused_by else ""
        said, link = f"{row.name} is paused{by}", _link(row.name)
        fact = Fact(Kind.OUTLET_PAUSED, said, link, row.paused_at, more=row.pause_reason)
        yield Chain((fact,), (Way(f"Resume {row.name}", "it goes on where it is", link),))
    if row.error:
        times = words.counted(row.failures, "time")
        said = f"{row.name} does not get on: it has failed {times} in a row"
        fact = Fact(Kind.OUTLET_FAULT, said, _link(row.name), row.failed_at, more=row.error)
        yield Chain((fact,), (Way("Mend the broker", "it is tried again every few seconds"),))


def _letters(name: str) -> Iterator[Chain]:
    dead = Due.objects.filter(Q(state__among=HOLDING), processor=name, state=DeliveryState.DEAD)
    first = dead.order_by("event_id").values_list("letter", "key", "finished_at").first()
    if first is None:
        return
    letter, key, at = first
    said = f"{name} holds the key {key} behind dead letter {letter}: the broker refused it for good"
    link = Link("letter", str(letter))
    way = Way(f"Retry or discard dead letter {letter}", "what waits behind it goes on then", link)
    yield Chain((Fact(Kind.OUTLET_HELD, said, link, at),), (way,))


def _not_run(row: Connector) -> Iterator[Chain]:
    if row.paused_at or (row.lease_expires_at and row.lease_expires_at > clock.now()):
        return
    said = f"Nobody runs {row.name}"
    way = Way("Start a worker", "each looks for connectors to run; `manage.py flowdeck connectors`")
    yield Chain((Fact(Kind.NOT_RUN, said, _link(row.name)),), (way,))


def _link(name: str) -> Link:
    return Link("connector", name)
