"""Why one delivery is not done: from its own state to what keeps everybody from it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

from flowdeck import words
from flowdeck.bells import bell
from flowdeck.conf import conf
from flowdeck.declare.gathering import Gather
from flowdeck.declare.registry import Processor, registry
from flowdeck.declare.states import DeliveryState
from flowdeck.errors import UnknownEventType, UnknownVersion
from flowdeck.models import FlowControl, Lane
from flowdeck.why import ground as grounds
from flowdeck.why.answer import Chain, Fact, Kind, Link, Way
from flowdeck.why.ground import Ground, Held

_UNREADABLE = (UnknownVersion.__name__, UnknownEventType.__name__)
_FEW = 20  # deliveries ahead that are done within a moment
_LONG = timedelta(seconds=30)  # something due for so long is not taken


def explain(row: Held, state: str, ground: Ground) -> Chain:
    """Why this delivery, which is not done, is not; ``state`` is the derived one."""
    if state == DeliveryState.DEAD:
        return _dead(row, ground)
    holder = ground.holders.get((row.processor, row.key))
    if holder is not None and holder.position < row.position:
        chain = explain(holder, holder.state, ground)
        parked = f"{row.processor} has {row.what} waiting behind it, to keep the order of its key"
        return chain.then(Fact(Kind.PARKED, parked, _event(row), row.recorded_at))
    if state == DeliveryState.RUNNING:
        return _running(row, ground)
    stopped = next(_stopped(row, ground), None)
    if stopped is not None:
        return stopped
    if not registry.knows(row.type, row.version):
        return _for_newer_code(row)
    if row.due_at is not None and row.due_at > ground.now:
        return _put_off(row, ground)
    return _untaken(row, ground)


def switched(name: str, ground: Ground, slot: int | None = None) -> Iterator[Chain]:
    """What keeps a processor from all of its work: each a chain of one fact."""
    checks: tuple[Callable[[str, Ground], Chain | None], ...] = (_undeclared, _paused, _nobody)
    for check in checks:
        if (found := check(name, ground)) is not None:
            yield found
    lanes = ground.lanes.get(name, ())
    own = ground.lane_of(name, slot) if slot is not None else None
    for lane in [own] if own is not None else lanes if slot is None else ():
        if (found := _crashed(name, lane) or _vanished(name, lane, ground)) is not None:
            yield found
    if (found := throttled(name, ground)) is not None:
        yield found


def throttled(name: str, ground: Ground) -> Chain | None:
    """Whether its breaker is open, or a limit reached."""
    return _broken(name, ground) or _limited(name, ground)


def _stopped(row: Held, ground: Ground) -> Iterator[Chain]:
    what = Fact(
        Kind.PARKED, f"{row.processor} has {row.what} waiting", _event(row), row.recorded_at
    )
    for chain in switched(row.processor, ground, row.slot):
        yield chain.then(what)


def _dead(row: Held, ground: Ground) -> Chain:
    failure = ground.failures.get((row.position, row.processor))
    error = f"{failure.error}: {failure.message}" if failure else ""
    link = Link("letter", str(row.letter))
    waits = ground.behind.get((row.position, row.processor), 0)
    retry = f"frees {words.counted(waits, 'delivery', 'deliveries')} behind it" if waits else ""
    if failure is not None and failure.error.rsplit(".", 1)[-1] in _UNREADABLE:
        return _unreadable(row, error, retry)
    said = f"{row.processor} has {row.what} as dead letter {row.letter}"
    fact = Fact(Kind.DEAD, said, link, row.finished_at, more=error)
    return Chain(
        (fact,),
        (
            Way(f"Retry dead letter {row.letter}", retry or "tries it once more", link),
            Way("Discard it", "it is given up for good, and what waits behind it goes on", link),
            Way("Do nothing", "it stays so: a dead letter is not retried by itself"),
        ),
    )


def _unreadable(row: Held, error: str, retry: str) -> Chain:
    declared, link = registry.event_types.get(row.type), Link("letter", str(row.letter))
    known = f"knows it up to v{declared.version}" if declared else "does not declare it"
    said = f"{row.processor} can't read {row.what}: it is v{row.version}, and this code {known}"
    by_now = declared is not None and declared.version >= row.version
    first = "Retry it" if by_now else "Deploy the code that knows it, then retry"
    then = "this code knows the version by now" if by_now else "nothing is lost meanwhile"
    ways = (Way(first, ", ".join(filter(None, (then, retry))), link),)
    return Chain((Fact(Kind.UNKNOWN_VERSION, said, link, row.finished_at, more=error),), ways)


def _undeclared(name: str, ground: Ground) -> Chain | None:
    if name in registry.processors:
        return None
    said = f"No installed app declares the processor {name}, so nobody does its work"
    way = Way(f"Declare {name} again", "its deliveries are kept, and are done then")
    return Chain((Fact(Kind.UNDECLARED, said, Link("processor", name)),), (way,))


def _paused(name: str, ground: Ground) -> Chain | None:
    state = ground.paused.get(name)
    if state is None:
        return None
    by = f" by {state.paused_by}" if state.paused_by else ""
    link = Link("processor", name)
    fact = Fact(
        Kind.PAUSED, f"{name} is paused{by}", link, state.paused_at, more=state.pause_reason
    )
    ways = (
        Way(f"Resume {name}", "it goes on with what waits, in order", link),
        Way("Do nothing", "a pause has no end by itself"),
    )
    return Chain((fact,), ways)


def _nobody(name: str, ground: Ground) -> Chain | None:
    if not ground.nobody_works(name):
        return None
    queue, link = bell.queue(), Link("processors", "")
    way = Way(
        f"Start a worker that hears the queue {queue}",
        f"`celery -A PROJECT worker -Q {queue}` takes what is due within a second",
    )
    if ground.deaf:
        heard = words.listed(sorted({one.queues or "none" for one in ground.deaf})[:3])
        alive = words.counted(len(ground.deaf), "worker")
        said = f"No worker hears the queue {queue}, where {name} is rung: {alive} hear {heard}"
        return Chain((Fact(Kind.WRONG_QUEUE, said, link),), (way,))
    said = f"No worker is alive to do the work of {name}"
    return Chain((Fact(Kind.NO_WORKER, said, link),), (way,))


def _crashed(name: str, lane: Lane) -> Chain | None:
    if lane.suspect is None and lane.claims <= conf().CRASHES:
        return None
    link = Link("processor", name)
    on = f" on the event at position {lane.suspect}" if lane.suspect is not None else ""
    said = f"Workers died in {name}{on}, so its lane is worked on one delivery at a time"
    more = "What kills its worker again becomes a dead letter; the others go on."
    way = Way("Do nothing", "the delivery that kills workers is found and buried by itself")
    at = lane.suspected_at or lane.claimed_at
    return Chain((Fact(Kind.CRASHES, said, link, at, more=more),), (way,))


def _vanished(name: str, lane: Lane, ground: Ground) -> Chain | None:
    ends = lane.lease_expires_at
    if lane.token is None or ends is None or ends <= ground.now:
        return None
    # A lease is renewed long before it is half over.
    if (ends - ground.now).total_seconds() > conf().LEASE_SECONDS / 2:
        return None
    if any(worker.name == lane.worker for worker in ground.workers):
        return None
    said = f"{lane.worker}, which has a lane of {name}, gives no sign of life"
    way = Way("Do nothing", "another worker takes the lane when its lease is over")
    fact = Fact(Kind.VANISHED, said, Link("processor", name), lane.claimed_at, until=ends)
    return Chain((fact,), (way,))


def _broken(name: str, ground: Ground) -> Chain | None:
    control = ground.controls.get(name)
    if control is None or control.open_until is None or control.open_until <= ground.now:
        return None
    said = f"The breaker of {name} is open: its calls failed, so none is made for a while"
    link = Link("processor", name)
    fact = Fact(Kind.BREAKER, said, link, until=control.open_until, more=control.error)
    return Chain((fact,), (Way("Do nothing", "one call is tried then; if it goes well, all do"),))


def _limited(name: str, ground: Ground) -> Chain | None:
    declared, control = registry.processors.get(name), ground.controls.get(name)
    if declared is None or declared.limits is None or control is None:
        return None
    return _full(declared, ground) or _too_fast(declared, control, ground)


def _full(declared: Processor, ground: Ground) -> Chain | None:
    most = declared.limits.concurrent if declared.limits else None
    leased = {
        lane.token
        for lane in ground.lanes.get(declared.name, ())
        if lane.token and lane.lease_expires_at and lane.lease_expires_at > ground.now
    }
    if most is None or len(leased) < most:
        return None
    said = f"{declared.name} is at its limit: {len(leased)} of {most} calls at once are in the air"
    way = Way("Do nothing", "the next one starts when a call ends")
    return Chain((Fact(Kind.LIMIT, said, Link("processor", declared.name)),), (way,))


def _too_fast(declared: Processor, control: FlowControl, ground: Ground) -> Chain | None:
    starts = [one for one in (control.next_at, control.not_before) if one and one > ground.now]
    if not starts or declared.limits is None or not declared.limits.per:
        return None
    said = f"{declared.name} is at its limit of {declared.limits.per}"
    link, until = Link("processor", declared.name), max(starts)
    way = Way("Do nothing", "starts are spaced, and the next one is due then")
    return Chain((Fact(Kind.LIMIT, said, link, until=until),), (way,))


def _running(row: Held, ground: Ground) -> Chain:
    lane = ground.lane_of(row.processor, row.slot)
    gone = _vanished(row.processor, lane, ground) if lane else None
    if gone is not None:
        return gone.then(Fact(Kind.PARKED, f"It works on {row.what}", _event(row), row.recorded_at))
    since, who = (lane.claimed_at, f" by {lane.worker}") if lane else (None, "")
    said = f"{row.processor} works on {row.what}{who}"
    return Chain((Fact(Kind.RUNNING, said, _event(row), since),))


def _put_off(row: Held, ground: Ground) -> Chain:
    failure = ground.failures.get((row.position, row.processor))
    if row.state == DeliveryState.SLEEPING:
        declared = registry.processors.get(row.processor)
        if declared is not None and declared.gather is not None and row.finished_at is None:
            return _gathered(row, declared.gather)
        said = f"{row.processor} has put {row.what} off"
        way = Way("Do nothing", "its handler asked to be called again then; that is no failure")
        fact = Fact(Kind.SLEEPING, said, _event(row), row.finished_at, until=row.due_at)
        return Chain((fact,), (way,))
    declared = registry.processors.get(row.processor)
    most = f" of {declared.retry.max_attempts}" if declared else ""
    said = f"{row.processor} has failed on {row.what}, attempt {row.attempts}{most}"
    error = f"{failure.error}: {failure.message}" if failure else ""
    fact = Fact(Kind.RETRYING, said, _event(row), row.finished_at, until=row.due_at, more=error)
    return Chain((fact,), (Way("Do nothing", "it is tried again then"),))


def _for_newer_code(row: Held) -> Chain:
    said = f"{row.processor} waits for code that knows {row.what}, v{row.version}; this one doesn't"
    more = f"For {conf().UNKNOWN_KEPT_HOURS:g} hours at most; then it becomes a dead letter."
    fact = Fact(Kind.UNKNOWN_VERSION, said, _event(row), row.recorded_at, more=more)
    way = Way("Deploy the code that knows it", "it is done within seconds then; nothing is lost")
    return Chain((fact,), (way,))


def _gathered(row: Held, gather: Gather) -> Chain:
    said = f"{row.processor} gathers what comes for the key of {row.what}"
    more = f"Quiet for {words.duration(gather.quiet)} ends that."
    fact = Fact(Kind.SLEEPING, said, _event(row), row.recorded_at, until=row.due_at, more=more)
    way = Way("Do nothing", "all of the key is handed over together; that is no failure")
    return Chain((fact,), (way,))


def _untaken(row: Held, ground: Ground) -> Chain:
    before, link = ground.ahead.get(row.processor, 0), Link("processor", row.processor)
    if before >= _FEW:
        more = "+" if before >= grounds.COUNTED else ""
        said = f"{before:,}{more} deliveries are ahead of {row.what} at {row.processor}"
        way = Way("Do nothing", "they are done in order; more workers do them sooner")
        return Chain((Fact(Kind.BACKLOG, said, link, row.recorded_at),), (way,))
    since = row.due_at or row.recorded_at
    if ground.now - since > _LONG:
        said = f"{row.what} is due at {row.processor}, and nobody takes it"
        more = f"{words.counted(len(ground.workers), 'worker')} alive, nothing stops them"
        way = Way("Run `manage.py flowdeck doctor`", "it looks at bells, workers and the database")
        return Chain((Fact(Kind.NOT_TAKEN, said, link, since, more=more),), (way,))
    return Chain((Fact(Kind.DUE, f"{row.processor} takes {row.what} in a moment", _event(row)),))


def _event(row: Held) -> Link:
    return Link("event", str(row.position))
