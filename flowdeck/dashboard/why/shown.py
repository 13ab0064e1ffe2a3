"""How the page shows an answer: a mark for each kind of fact, and where its link leads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.urls import NoReverseMatch, reverse

from flowdeck.declare.registry import registry
from flowdeck.declare.states import DeliveryState
from flowdeck.letters.dead_letters import dead
from flowdeck.models import Connector, ProcessorState
from flowdeck.why.answer import BY_ITSELF, Answer, Fact, Kind, Link
from flowdeck.why.plain import as_text

_SUGGESTED = 3
_DOTS = {
    Kind.DEAD: DeliveryState.DEAD,
    Kind.UNKNOWN_VERSION: DeliveryState.DEAD,
    Kind.OUTLET_HELD: DeliveryState.DEAD,
    Kind.OUTLET_FAULT: DeliveryState.RETRYING,
    Kind.DISCARDED: DeliveryState.DISCARDED,
    Kind.TIMER_CANCELLED: DeliveryState.DISCARDED,
    Kind.TIMER_REFUSED: DeliveryState.DEAD,
    Kind.PAUSED: DeliveryState.PARKED,
    Kind.OUTLET_PAUSED: DeliveryState.PARKED,
    Kind.TIMERS_HELD: DeliveryState.PARKED,
    Kind.PARKED: DeliveryState.PARKED,
    Kind.RETRYING: DeliveryState.RETRYING,
    Kind.BREAKER: DeliveryState.RETRYING,
    Kind.CRASHES: DeliveryState.RETRYING,
    Kind.SLEEPING: DeliveryState.SLEEPING,
    Kind.TIMER_OPEN: DeliveryState.SLEEPING,
    Kind.RUNNING: DeliveryState.RUNNING,
    Kind.MISSING: "ghost",
}


@dataclass(frozen=True, slots=True)
class Step:
    """A fact with its mark and address; ``root``: it is the first cause."""

    fact: Fact
    dot: str
    url: str
    root: bool = False


@dataclass(frozen=True, slots=True)
class End:
    """What would end it, with its address."""

    do: str
    then: str
    url: str


class Shown:
    """An answer for the page."""

    def __init__(self, found: Answer) -> None:
        self.answer = found

    @property
    def steps(self) -> list[Step]:
        """The facts, the first cause first."""
        return [_step(fact, number == 0) for number, fact in enumerate(self.answer.facts)]

    @property
    def others(self) -> list[Step]:
        """What is wrong beside it."""
        return [_step(fact) for fact in self.answer.others]

    @property
    def ends(self) -> list[End]:
        """What would end it."""
        return [End(one.do, one.then, url_of(one.link)) for one in self.answer.ways]

    @property
    def url(self) -> str:
        """The page of what was asked about."""
        return url_of(self.answer.subject.link)

    @property
    def by_itself(self) -> bool:
        """Whether it ends without anybody's doing."""
        return bool(self.answer.facts) and self.answer.facts[0].kind in BY_ITSELF

    @property
    def text(self) -> str:
        """All of it, to be pasted somewhere."""
        return as_text(self.answer)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A question that is worth asking now, and since when."""

    of: str
    said: str
    at: datetime | None


def worth_asking() -> list[Suggestion]:
    """The newest dead letters, and what is paused; three queries by index."""
    return [*_dead(), *_paused()]


def _dead() -> Iterator[Suggestion]:
    for row in dead().order_by("-letter").select_related("event")[:_SUGGESTED]:
        said = f"{row.event.type} of {row.event.stream}, dead letter {row.letter}"
        yield Suggestion(f"letter:{row.letter}", said, row.finished_at)


def _paused() -> Iterator[Suggestion]:
    states = ProcessorState.objects.filter(paused_at__isnull=False).order_by("-paused_at")
    for state in states[:_SUGGESTED]:
        yield Suggestion(f"processor:{state.name}", f"{state.name} is paused", state.paused_at)
    rows = Connector.objects.filter(paused_at__isnull=False).order_by("-paused_at")
    for row in rows[:_SUGGESTED]:
        yield Suggestion(f"connector:{row.name}", f"{row.name} is paused", row.paused_at)


def _step(fact: Fact, root: bool = False) -> Step:
    return Step(fact, str(_DOTS.get(fact.kind, DeliveryState.PENDING)), url_of(fact.link), root)


def url_of(link: Link | None) -> str:
    """The address that a link leads to; empty if there is none."""
    if link is None:
        return ""
    try:
        return _url(link.kind, link.name)
    except NoReverseMatch:  # a name that no address has, such as that of a former process
        return ""


def _url(kind: str, name: str) -> str:
    if kind == "processor" and name in registry.processors:
        return reverse("flowdeck:processor", args=[name])
    if kind == "process":
        process, _, key = name.partition(":")
        where = reverse("flowdeck:process", args=[process])
        return f"{where}?{urlencode({'key': key, 'selected': key})}"
    if kind in ("timer", "timers"):
        where = reverse("flowdeck:timers")
        return f"{where}#timer-{name}" if name else where
    if kind == "connector":
        return f"{reverse('flowdeck:connectors')}#connector-{name}"
    if kind in ("processor", "processors"):
        return reverse("flowdeck:processors")
    return reverse(f"flowdeck:{kind}", args=[name])
