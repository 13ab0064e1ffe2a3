"""Why a timer has not come: held, cancelled, refused, not due yet, or nobody moves it."""

from __future__ import annotations

from datetime import timedelta

from flowdeck.bells import bell
from flowdeck.declare.registry import registry
from flowdeck.models import AuditEntry, Timer
from flowdeck.why.answer import Chain, Fact, Kind, Link, Way
from flowdeck.why.ground import Ground

_LATE = timedelta(seconds=3)


def explain(timer: Timer, ground: Ground) -> Chain:
    """Why this timer, which is open or ended without an event, has not come."""
    if timer.ended_as == Timer.End.REFUSED:
        return _refused(timer)
    if timer.ended_at is not None:
        return _cancelled(timer)
    what = Fact(
        Kind.TIMER_OPEN, f"{_named(timer)} is open", _link(timer), timer.set_at, timer.due_at
    )
    if ground.clock is not None and ground.clock.held_at is not None:
        return _held(ground).then(what)
    if timer.due_at > ground.now:
        way = Way("Do nothing", f"{timer.type} comes then, unless the timer is cancelled before")
        now = Way("Let it come now", "it is appended with the next look", _link(timer))
        said = f"{_named(timer)} is not due yet"
        fact = Fact(Kind.TIMER_OPEN, said, _link(timer), timer.set_at, timer.due_at)
        return Chain((fact,), (way, now))
    return _overdue(timer, ground)


def _refused(timer: Timer) -> Chain:
    said = f"{_named(timer)} could not be appended when it was due"
    fact = Fact(Kind.TIMER_REFUSED, said, _link(timer), timer.ended_at, more=timer.error)
    return Chain((fact,), (Way("Publish it again", "a refused timer does not come by itself"),))


def _cancelled(timer: Timer) -> Chain:
    by = f" by {timer.ended_by}" if timer.ended_by else ""
    said = f"{_named(timer)} was cancelled{by}"
    target = f"timer {timer.name} of {timer.scope}"
    entry = AuditEntry.objects.filter(target=target, action="cancel timer").order_by("-id").first()
    reason = entry.reason if entry and entry.who == timer.ended_by else ""
    fact = Fact(Kind.TIMER_CANCELLED, said, _link(timer), timer.ended_at, more=reason)
    return Chain((fact,), (Way(f"Publish {timer.type} again", "a cancelled timer never comes"),))


def _held(ground: Ground) -> Chain:
    clock, link = ground.clock, Link("timers", "")
    assert clock is not None
    by = f" by {clock.held_by}" if clock.held_by else ""
    fact = Fact(
        Kind.TIMERS_HELD, f"All timers are held{by}", link, clock.held_at, more=clock.reason
    )
    return Chain((fact,), (Way("Release all timers", "what is due comes at once, in order", link),))


def _overdue(timer: Timer, ground: Ground) -> Chain:
    late = f"{_named(timer)} is due and has not come"
    what = Fact(Kind.TIMER_OVERDUE, late, _link(timer), timer.due_at)
    if not ground.workers:
        queue = bell.queue()
        way = Way(f"Start a worker that hears the queue {queue}", "each moves timers that are due")
        gone = Fact(Kind.NO_WORKER, "No worker is alive to move timers", Link("processors", ""))
        return Chain((gone,), (way,)).then(what)
    if timer.type not in registry.event_types:
        said = f"No code here declares {timer.type}, so its timer waits for a worker that does"
        way = Way("Deploy the code that declares it", "the timer comes then; nothing is lost")
        return Chain((Fact(Kind.UNKNOWN_VERSION, said, _link(timer)),), (way,)).then(what)
    if timer.stale_at is not None and timer.stale_at <= ground.now:
        said = f"{_named(timer)} is too late to come by itself: its schedule decides"
        return Chain((Fact(Kind.TIMER_OVERDUE, said, _link(timer), timer.stale_at),))
    first = _ahead(timer)
    if first is not None:
        said = f"An earlier timer of {timer.stream} waits for code that declares {first.type}"
        way = Way("Deploy the code that declares it", "both come then, in order")
        return Chain((Fact(Kind.UNKNOWN_VERSION, said, _link(first)),), (way,)).then(what)
    if ground.now - timer.due_at < _LATE:
        fact = Fact(Kind.DUE, f"{_named(timer)} comes in a moment", _link(timer), timer.due_at)
        return Chain((fact,))
    way = Way("Look for long transactions", "whoever holds its stream's head holds it back")
    return Chain((what,), (way,))


def _ahead(timer: Timer) -> Timer | None:
    """An earlier one of its stream that no code here can move: it holds the stream back."""
    earlier = Timer.objects.filter(ended_at=None, scope=timer.scope, due_at__lte=timer.due_at)
    return earlier.exclude(type__in=list(registry.event_types)).order_by("due_at", "id").first()


def _named(timer: Timer) -> str:
    name = "its timer" if timer.name == str(timer.event_id) else f"the timer {timer.name}"
    return f"{name[0].upper()}{name[1:]} of {timer.stream} for {timer.type}"


def _link(timer: Timer) -> Link:
    return Link("timer", str(timer.pk))
