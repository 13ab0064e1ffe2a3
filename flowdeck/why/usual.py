"""What usually follows: learned from the newest traces that began alike and are over.

No model: types are counted. Only traces whose way so far was the same count, so that what follows
a refusal is not expected after a success.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from flowdeck.declare.registry import registry
from flowdeck.models import Event, Trace
from flowdeck.observe import current

ALIKE = 100
"""Traces that are learned from at most."""
_LOOKED_AT = 2_000  # rows of traces among which those that are over are looked for
_EVENTS = 10_000  # of them, read at most
_FEWEST = 5  # below that nothing is called usual
_USUAL = 0.9
_TOGETHER = 2  # types of one speaker of which one is said
_OVER = (Trace.State.DONE, Trace.State.REFUSED)


@dataclass(frozen=True, slots=True)
class Follows:
    """One of ``types`` follows in ``traces`` of ``of`` traces: who says it, of which type as its
    cause, and whether by a timer."""

    types: tuple[str, ...]
    traces: int
    of: int
    producer: str
    cause: str
    by_timer: bool

    @property
    def type(self) -> str:
        """What follows, in words."""
        return " or ".join(self.types)

    @property
    def said(self) -> str:
        """How sure that is."""
        return f"usually follows (in {self.traces} of {self.of} traces that began alike)"

    @property
    def said_of_many(self) -> str:
        """The same of several."""
        return self.said.replace("follows", "follow", 1)


@dataclass(frozen=True, slots=True)
class Usual:
    """What usually follows, in the order of the log; ``of`` traces went the same way so far."""

    of: int = 0
    follows: tuple[Follows, ...] = ()

    @property
    def known(self) -> bool:
        """Whether enough traces went that way."""
        return self.of >= _FEWEST


@dataclass(slots=True)
class _Seen:
    """One trace: its types in order, and for each how it came."""

    order: list[str] = field(default_factory=list)
    ways: dict[str, tuple[str, str, bool]] = field(default_factory=dict)


def usual(began_with: str, so_far: Collection[str], but: UUID) -> Usual:
    """What follows in the traces that began with this type, went as ``so_far`` and are over.

    At most five queries by index; the trace ``but`` is left out.
    """
    alike = _alike(began_with, but)
    seen = [one for one in _read(alike) if one.ways.keys() >= set(so_far)]
    if not seen:
        return Usual()
    found = [one for group in _by_speaker(seen).values() for one in _of_speaker(group, seen)]
    missing = [one for one in found if not {*one.types} & {*so_far}]
    return Usual(len(seen), tuple(sorted(missing, key=lambda one: _place(one, seen))))


def _by_speaker(seen: Iterable[_Seen]) -> dict[tuple[str, bool], Counter[str]]:
    """How many traces have each type, by who says it, and whether by a timer."""
    found: dict[tuple[str, bool], Counter[str]] = defaultdict(Counter)
    for one in seen:
        for name, (producer, _, by_timer) in one.ways.items():
            found[producer, by_timer][name] += 1
    return found


def _of_speaker(counts: Counter[str], seen: Sequence[_Seen]) -> Iterator[Follows]:
    """Each type that one usually says, or the few of which it usually says one."""
    least = _USUAL * len(seen)
    groups: list[tuple[str, ...]] = [(name,) for name, count in counts.items() if count >= least]
    if not groups:
        groups = [tuple(name for name, _ in counts.most_common(_TOGETHER))]
    for names in groups:
        ways = [one.ways[name] for one in seen for name in names if name in one.ways]
        traces = sum(1 for one in seen if one.ways.keys() & {*names})
        if traces >= least:
            (producer, cause, by_timer), _ = Counter(ways).most_common(1)[0]
            yield Follows(names, traces, len(seen), producer, cause, by_timer)


def _place(one: Follows, seen: Sequence[_Seen]) -> tuple[float, str]:
    """Where it comes in those traces, on average."""
    places = [trace.order.index(name) for trace in seen for name in one.types if name in trace.ways]
    return sum(places) / len(places), one.type


def _alike(began_with: str, but: UUID) -> list[UUID]:
    """The newest that are over; if something holds all of them up, those before that."""
    rows = Trace.objects.filter(began_with=began_with).order_by("-first_position")
    found = _over(rows[:_LOOKED_AT].values_list("correlation_id", "state"), but)
    if len(found) >= _FEWEST:
        return found
    stuck = [at for at in current.oldest_waiting(sorted(registry.processors)).values() if at]
    if not stuck:
        return found
    before = rows.filter(first_position__lt=min(stuck))[:_LOOKED_AT]
    return found or _over(before.values_list("correlation_id", "state"), but)


def _over(rows: Iterable[tuple[UUID, int]], but: UUID) -> list[UUID]:
    return [name for name, state in rows if state in _OVER and name != but][:ALIKE]


def _read(names: list[UUID]) -> list[_Seen]:
    """The events of these traces; of the last one not all may be read, so it is left out."""
    if not names:
        return []
    columns = ("correlation_id", "id", "causation_id", "type", "producer", "metadata__timer__name")
    events = Event.objects.filter(correlation_id__in=names).order_by("correlation_id", "position")
    rows = list(events.values_list(*columns)[: _EVENTS + 1])
    cut = rows[-1][0] if len(rows) > _EVENTS else None
    types: Mapping[UUID, str] = {row[1]: row[3] for row in rows}
    found: dict[UUID, _Seen] = defaultdict(_Seen)
    for trace, _, cause, name, producer, timer in rows:
        if trace == cut or name in found[trace].ways:
            continue
        found[trace].order.append(name)
        found[trace].ways[name] = (producer, types.get(cause, "") if cause else "", bool(timer))
    return [one for one in found.values() if one.order]
