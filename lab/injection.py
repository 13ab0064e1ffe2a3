"""Fault injection: the hook around handlers and bells that switched faults use, in demo mode.

While no fault is on it costs a comparison and, three times a second and process, one query. A fault
strikes only deliveries in traces of the person who set it; the others of a batch are left alone.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import billiard.process
import redis
from django.conf import settings
from django.db import DatabaseError, transaction

from events import scenarios
from events.models import Checkout
from flowdeck import Delivery, Snooze
from flowdeck.extend import Handle, LogAttempt, Processor, intercept
from lab.models import LabRun, SwitchedFault
from processors import gateway

LOOK_SECONDS = 0.3
"""After so long every process has noticed that a fault was switched on."""
_STOPPED_LOOK = 0.5  # seconds until a stopped processor's delivery is looked at again


class InjectedFault(Exception):
    """An attempt failed because somebody wanted it to."""


class PoisonMessage(InjectedFault):
    """No attempt will ever succeed, as long as the fault is on."""


class _Apart(Exception):
    """Some of the batch is struck: the engine is to run it one by one."""


class _Board:
    """What is on, as this process last saw it."""

    def __init__(self) -> None:
        self._faults: list[SwitchedFault] = []
        self._seen = 0.0

    def look_again(self) -> None:
        self._seen = 0.0

    def of(self, processor: str) -> list[SwitchedFault]:
        if time.monotonic() - self._seen > LOOK_SECONDS:
            self._faults = list(SwitchedFault.objects.filter(ends_at__gt=datetime.now(UTC)))
            self._seen = time.monotonic()
        if not self._faults:
            return []
        now = datetime.now(UTC)
        return [f for f in self._faults if f.processor == processor and f.ends_at > now]


_board = _Board()
_struck: defaultdict[int, set[tuple[int, int]]] = defaultdict(set)
_owner_of: dict[UUID, int] = {}  # a trace never changes hands, and each is asked for many times
_MOST_OWNERS = 10_000


def install() -> None:
    """Hook into the engine."""
    intercept(around, muffled)


def look_again() -> None:
    """Something was switched in this process: see it at once."""
    _board.look_again()


def muffled(processor: str) -> bool:
    """Whether the bell of a processor is lost now."""
    if not scenarios.allowed():
        return False
    try:
        return any(fault.kind == "lose_bell" for fault in _board.of(processor))
    except DatabaseError:
        return False  # ringing comes after a commit, and must not fail it


def around(processor: Processor, deliveries: Sequence[Delivery], handle: Handle) -> Any:
    """Run a handler under the faults that are on for these deliveries."""
    on = _board.of(processor.name) if scenarios.allowed() else []
    if not on:
        return handle()
    owners = _owners(deliveries)
    if len(deliveries) > 1:
        if {fault.user_id for fault in on} & set(owners.values()):
            raise _Apart
        return handle()
    delivery = deliveries[0]
    owner = owners.get(delivery.envelope.correlation_id)
    here = (None, delivery.envelope.correlation_id)
    mine = [fault for fault in on if fault.user_id == owner and fault.trace in here]
    for fault in mine:
        _strike(fault, delivery)
    if any(fault.kind == "twice" for fault in mine):
        _once_for_nothing(processor, delivery, handle)
    return handle()


def _owners(deliveries: Sequence[Delivery]) -> dict[UUID, int]:
    traces = {delivery.envelope.correlation_id for delivery in deliveries}
    if len(_owner_of) > _MOST_OWNERS:
        _owner_of.clear()
    if new := traces - _owner_of.keys():
        of_orders = Checkout.objects.filter(correlation_id__in=new)
        of_lab = LabRun.objects.filter(trace__in=new)
        _owner_of.update(of_orders.values_list("correlation_id", "user_id"))
        _owner_of.update(of_lab.values_list("trace", "user_id"))
    return {trace: _owner_of[trace] for trace in traces & _owner_of.keys()}


def _strike(fault: SwitchedFault, delivery: Delivery) -> None:
    match fault.kind:
        case "stop":
            raise Snooze(_STOPPED_LOOK)
        case "out_of_order":
            _late(_draw(fault, delivery) * fault.amount / 1000, delivery)
        case "slow":
            _late(fault.amount / 1000, delivery)
        case "kill_worker":
            _die_once(fault)
        case _:
            _fail(fault, delivery)


def _fail(fault: SwitchedFault, delivery: Delivery) -> None:
    match fault.kind:
        case "fail_next" if _failures(fault, delivery) < fault.amount:
            _struck[fault.pk].add((delivery.id, delivery.attempt))
            raise InjectedFault(f"{_mark(fault)}: one of the next {fault.amount} attempts.")
        case "fail_often" if _draw(fault, delivery) < fault.amount / 100:
            raise InjectedFault(f"{_mark(fault)}: {fault.amount} of 100 attempts fail.")
        case "provider_down":
            raise gateway.GatewayUnavailable("503 Service Unavailable from pay.example")
        case "poison":
            raise PoisonMessage(f"{_mark(fault)}: can't make sense of this message.")


def _mark(fault: SwitchedFault) -> str:
    return f"Switched on for teaching (fault {fault.pk})"


def _failures(fault: SwitchedFault, delivery: Delivery) -> int:
    """How many attempts the fault has failed before this one. The log keeps the count."""
    told = LogAttempt.objects.filter(
        processor=fault.processor,
        started_at__gte=fault.began_at,
        message__startswith=_mark(fault),
    )
    before = set(told.values_list("event_id", "number")) | _struck[fault.pk]
    return len(before - {(delivery.id, delivery.attempt)})


def _draw(fault: SwitchedFault, delivery: Delivery) -> float:
    return random.Random(f"{fault.pk}:{delivery.id}:{delivery.attempt}").random()  # noqa: S311


def _late(seconds: float, delivery: Delivery) -> None:
    """Come later. A worker that slept instead would make the whole class wait for one learner."""
    left = seconds - (datetime.now(UTC) - delivery.envelope.recorded_at).total_seconds()
    if left > 0:
        raise Snooze(left)


def _once_for_nothing(processor: Processor, delivery: Delivery, handle: Handle) -> None:
    """The first delivery of two: done, and then its worker died before it could say so."""
    if processor.atomic:
        with transaction.atomic():
            _exhaust(handle())
            transaction.set_rollback(True)
    else:
        _exhaust(handle())  # what it did outside stays done
    delivery.emitted.clear()


def _exhaust(result: Any) -> None:
    if result is not None and hasattr(result, "__next__"):
        list(result)


def _die_once(fault: SwitchedFault) -> None:
    """Kill this worker process, once for each fault: Redis remembers that, a rollback would not."""
    if billiard.process.current_process().name == "MainProcess":
        return
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1)
    try:
        first = client.set(death_key(fault.pk), f"{os.getpid()}", nx=True, ex=3600)
    except redis.RedisError:
        return  # without a memory it would die again and again
    if first:
        os.kill(os.getpid(), signal.SIGKILL)


def empty_redis() -> int:
    """Drop all that Flowdeck keeps in Redis, as a restart without a disk would; how many keys.

    What else is in that Redis stays, and so does the memory of who was killed.
    """
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1)
    ours = ("flowdeck*", "_kombu*", "unacked*", "celery*")
    keys = {key for name in ours for key in client.scan_iter(match=name, count=1000)}
    chosen = [key for key in keys if not key.startswith(death_key("").encode())]
    return int(client.delete(*chosen)) if chosen else 0


def death_key(number: int | str) -> str:
    """Where Redis remembers which process a fault has killed."""
    return f"flowdeck:killed:{number}"
