"""The work for one frame that touches the database: done in one thread, in one go."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Hashable, Iterable
from dataclasses import dataclass, field

from django.db import DatabaseError, InterfaceError

from flowdeck import clock
from flowdeck.live import pulse, sessions
from flowdeck.live.changes import Changes
from flowdeck.live.channel import Channel
from flowdeck.live.pulse import Pulse
from flowdeck.live.socket import Socket
from flowdeck.live.turns import Turns
from flowdeck.live.views import LiveView

logger = logging.getLogger("flowdeck.live")


@dataclass(frozen=True, slots=True)
class Frame:
    """One view to render, and who waits for a fresh region of it.

    ``people`` are some of those who watch it, ``watchers`` is how many there are.
    """

    channel: Channel
    joining: set[Socket]
    people: tuple[Hashable, ...] = ()
    watchers: int = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """What to read: announced ``changes``, with ``look`` also unannounced ones since ``before``.

    ``sockets`` are those whose sessions are to be checked.
    """

    changes: Changes
    before: Pulse | None
    frames: list[Frame]
    look: bool
    sockets: Collection[Socket]
    now: float
    turns: Turns = field(default_factory=Turns)


@dataclass(frozen=True, slots=True)
class Rendered:
    """Html for those who watch, and for those who join."""

    frame: Frame
    update: str
    fresh: str


@dataclass(slots=True)
class Done:
    """What came of a plan; it ``took`` so many seconds of processor time, waiting left out.

    ``postponed`` are the frames that its time did not suffice for. ``away``: the database
    did not answer; None if it was not asked.
    """

    pulse: Pulse | None = None
    rendered: list[Rendered] = field(default_factory=list)
    postponed: list[Frame] = field(default_factory=list)
    signed_out: list[Socket] = field(default_factory=list)
    changed_rights: list[Socket] = field(default_factory=list)
    away: bool | None = None
    took: float = 0.0


def read(plan: Plan) -> Done:
    """Do all of it. Never raises for a database that is away: it is tried again."""
    done, began = Done(), time.thread_time()
    stale: set[Channel] = set()
    try:
        if plan.sockets:
            done.signed_out, done.changed_rights = sessions.refresh(plan.sockets)
        if plan.look:
            done.pulse = pulse.take()
            clock.now()  # frames are dated in the event loop, which counts on from here
            done.away = False
            if pulse.differs(plan.before, done.pulse):
                stale = _stale(frame.channel for frame in plan.frames)
    except (DatabaseError, InterfaceError) as error:
        logger.warning("Live pages can't read the database: %s", error)
        done.away = True
    _render(plan, stale, done)
    done.took = time.thread_time() - began
    return done


def _render(plan: Plan, stale: set[Channel], done: Done) -> None:
    unannounced = Changes(unknown=True)
    unannounced.merge(plan.changes)
    for frame, now in plan.turns.of(plan.frames):
        channel = frame.channel
        noticed = unannounced if channel in stale else plan.changes
        if not now:
            if channel.postpone(noticed, plan.look) or frame.joining or channel.failed:
                done.postponed.append(frame)
            continue
        changes = channel.take(noticed, plan.now, plan.look)
        if changes or frame.joining or channel.failed:
            update, fresh = channel.render(changes, bool(frame.joining))
            done.rendered.append(Rendered(frame, update, fresh))


def _stale(channels: Iterable[Channel]) -> set[Channel]:
    by_view: dict[type[LiveView], dict[LiveView, Channel]] = {}
    for channel in channels:
        by_view.setdefault(type(channel.view), {})[channel.view] = channel
    return {
        of_view[view] for kind, of_view in by_view.items() for view in kind.stale(list(of_view))
    }
