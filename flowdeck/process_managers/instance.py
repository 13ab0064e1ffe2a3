"""One instance as the methods of its process see it, and what is kept of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from flowdeck.declare.event import Event, StoredEvent
from flowdeck.declare.registry import registry
from flowdeck.declare.upcasting import upcast
from flowdeck.errors import HandlerContractError
from flowdeck.log.payloads import parse
from flowdeck.process_managers.state import State

S = TypeVar("S", bound=State)


@dataclass(frozen=True, slots=True)
class Said:
    """What a method wants: ``event`` at once, or later under the name ``timer``; with no event,
    that the timer does not come. ``stream``: where, instead of that of the cause."""

    event: Event | None
    stream: str = ""
    timer: str = ""
    seconds: float | None = None
    at: datetime | None = None
    also_caused_by: tuple[UUID, ...] = ()


@dataclass(slots=True)
class Memory:
    """What is kept of one instance. ``undo`` and ``timers`` are JSON: what would undo each thing
    done (type, version, data, stream), and by timer's name its event's id, stream and type.
    ``over``: somebody has stopped it."""

    state: Any = None
    over: bool = False
    undo: list[dict[str, Any]] = field(default_factory=list)
    timers: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def step(self) -> str:
        """The step that it stands in; "" before it has begun."""
        return str(self.state.step) if self.state is not None else ""


class Process(Generic[S]):
    """One instance while one of its events is handled.

    ``key`` names the instance, ``envelope`` is the event's, ``now`` when it was recorded,
    ``version`` that of the flow which the instance began with.
    """

    def __init__(self, key: str, version: int, envelope: StoredEvent, memory: Memory) -> None:
        self.key, self.version, self.envelope = key, version, envelope
        self._memory = memory
        self._said: list[Said] = []
        self._note = ""

    @property
    def now(self) -> datetime:
        """The one clock of a method: when its event was recorded."""
        return self.envelope.recorded_at

    @property
    def state(self) -> S:
        """What is known of the instance. A method that starts one sets it."""
        found: S = self._memory.state
        return found

    @state.setter
    def state(self, state: S) -> None:
        self._memory.state = state

    def emit(
        self, event: Event, *, stream: str = "", also_caused_by: tuple[UUID, ...] = ()
    ) -> None:
        """Append ``event``; to return it does the same. ``stream`` defaults to the cause's.

        ``also_caused_by`` are ids of events that have led to it as well.
        """
        self._said.append(Said(event, stream, also_caused_by=also_caused_by))

    def _pass_over(self, note: str) -> None:
        """Note why the event is not what it could have been."""
        self._note = note

    def later(
        self,
        timer: str,
        event: Event,
        *,
        seconds: float | None = None,
        at: datetime | None = None,
        stream: str = "",
    ) -> None:
        """Let ``event`` come to this instance in ``seconds``, or ``at`` a time: a time-out.

        One of that name which is open is replaced. Once it is cancelled, or the instance has ended,
        it is not handed over, even if it is in the log already.
        """
        self._said.append(Said(event, stream, timer, seconds, at))

    def cancel(self, timer: str) -> None:
        """Let the open ``timer`` not come. None of that name is no error."""
        self._said.append(Said(None, timer=timer))

    def undo(self, event: Event, *, stream: str = "") -> None:
        """Keep ``event`` as what takes back what was just done, for :meth:`compensate`."""
        declared = event.__event_type__
        if declared.personal:
            raise HandlerContractError(
                f"{declared.name} holds personal data, which a process must not keep: let the "
                "event that undoes it name a number instead, and look the rest up there."
            )
        data = event.model_dump(mode="json")
        kept = {"type": declared.name, "version": declared.version, "data": data}
        self._memory.undo.append({**kept, "stream": stream})

    def compensate(self) -> list[Event]:
        """What takes back all that was done, the last first: to be returned. Nothing is kept."""
        found = undone(self._memory)
        for one in found:
            if one.stream:
                self._said.append(one)
        return [one.event for one in found if one.event is not None and not one.stream]


def undone(memory: Memory) -> list[Said]:
    """What takes back all that ``memory`` says was done, the last first; it is forgotten there."""
    found = []
    for one in reversed(memory.undo):
        declared = registry.event_type(one["type"])
        data = upcast(declared, one["version"], dict(one["data"]))
        found.append(Said(parse(declared.name, data), one["stream"]))
    memory.undo.clear()
    return found
