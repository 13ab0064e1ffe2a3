"""A batch of events for the instances of a process: three statements, however many there are.

States, the way gone, what is emitted and the deliveries commit together, under the lock of their
lanes. So an instance is changed by one worker at a time; whoever stops one takes its row's lock.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

from flowdeck import clock
from flowdeck.database import connection
from flowdeck.declare.event import Delivery, Draft, Event, StoredEvent
from flowdeck.declare.registry import registry
from flowdeck.declare.timing import when
from flowdeck.errors import HandlerContractError, Reject, Snooze, StateFromNewerCode
from flowdeck.log.append import read_at
from flowdeck.log.payloads import load
from flowdeck.log.storable import check_payload
from flowdeck.models import ProcessInstance, ProcessStep
from flowdeck.process_managers import lagging
from flowdeck.process_managers.advance import NO_INSTANCE, Advance, advance
from flowdeck.process_managers.declared import flows, newest
from flowdeck.process_managers.flow import Flow
from flowdeck.process_managers.instance import Memory, Said
from flowdeck.process_managers.state import stored_state

KEPT = "kept until it starts"
_NEWER_CODE = 2.0  # seconds until somebody looks whether newer code is at work
_NOT_KEY = ("process", "key")
_FIELDS = [
    field.name for field in ProcessInstance._meta.concrete_fields if field.name not in _NOT_KEY
]


@dataclass(slots=True)
class Instance:
    """A row while it is worked on, with what it says in the form that methods know."""

    row: ProcessInstance
    flow: Flow
    memory: Memory
    new: bool = False

    def write(self, now: datetime) -> None:
        """Put what the methods left into the row. Raises InvalidPayload or PayloadTooLarge."""
        row, memory = self.row, self.memory
        if memory.state is not None:
            row.state = memory.state.model_dump(mode="json")
            check_payload(f"The state of {row.process}", json.dumps(row.state))
        row.step, row.state_version = memory.step, self.flow.state.__version__
        row.undo, row.timers, row.changed_at = memory.undo, memory.timers, now
        if row.step in self.flow.ends:
            row.ended_at = row.ended_at or now


def run(name: str, events: Sequence[Event], deliveries: Sequence[Delivery]) -> None:
    """Hand each event to its instance. Raises what a method raised; then nothing of it is kept."""
    now, flow = clock.now(), newest(name)
    pairs = list(zip(events, deliveries, strict=True))
    keys = [key_for(flow, event, one.envelope) for event, one in pairs]
    if flow.waits_for:
        lagging.wait_for_others(flow, deliveries, keys)
    wanted = {key for key in keys if key is not None}
    if flow.key_of is not None:
        _begin_missing(flow, keys, deliveries, now)
    instances = read(name, wanted)
    while flow.key_of is not None and wanted - instances.keys():  # forgotten at this moment
        _begin_missing(flow, keys, deliveries, now)
        instances = read(name, wanted)
    steps: list[ProcessStep] = []
    for (event, delivery), key in zip(pairs, keys, strict=True):
        if key is None:
            continue  # it is for no instance
        instance = instances.get(key)
        if instance is None:
            instance = instances[key] = _unborn(flow, key, delivery.envelope, now)
        steps += _handle(instance, event, delivery, now)
    changed = [one for one in instances.values() if not one.new]
    for instance in changed:
        instance.write(now)
    ProcessInstance.objects.bulk_create(
        [one.row for one in changed],
        update_conflicts=True,
        unique_fields=["process", "key"],
        update_fields=_FIELDS,
    )
    ProcessStep.objects.bulk_create(steps)


def read(name: str, keys: Collection[str]) -> dict[str, Instance]:
    """The instances that there are of these keys; their rows are locked."""
    rows = ProcessInstance.objects.select_for_update().filter(process=name, key__in=list(keys))
    return {row.key: instance_of(row) for row in rows.order_by("key")}


def key_for(flow: Flow, event: Event, envelope: StoredEvent) -> str | None:
    """Which instance an event is for; None if for none."""
    return envelope.key if flow.key_of is None else flow.key_of(event)


def _begin_missing(
    flow: Flow, keys: Sequence[str | None], deliveries: Sequence[Delivery], now: datetime
) -> None:
    """A row for each instance that has none, before any of them is locked.

    Events of one instance come over several lanes, so its row has to be there to be locked. All
    insert in one order, and then lock in it.
    """
    rows = {
        key: _unborn(flow, key, one.envelope, now).row
        for key, one in zip(keys, deliveries, strict=True)
        if key is not None
    }
    known = ProcessInstance.objects.filter(process=flow.name, key__in=list(rows))
    new = sorted(rows.keys() - set(known.values_list("key", flat=True)))
    if new:
        ProcessInstance.objects.bulk_create([rows[key] for key in new], ignore_conflicts=True)


def instance_of(row: ProcessInstance) -> Instance:
    """With the flow of its version. Raises Snooze if only newer code can go on with it."""
    flow = flows[row.process].get(row.version)
    if flow is None and row.version > newest(row.process).version:
        raise Snooze(_NEWER_CODE)
    if flow is None:
        raise Reject(
            f"{row.process} {row.key} began with version {row.version}, which no code declares any "
            f"more: keep its class until its instances are over, then retry."
        )
    try:
        state = stored_state(flow.state, row.state_version, row.state) if row.step else None
    except StateFromNewerCode as error:
        raise Snooze(_NEWER_CODE) from error
    over = row.ended_at is not None
    return Instance(row, flow, Memory(state, over, list(row.undo), dict(row.timers)))


def _unborn(flow: Flow, key: str, envelope: StoredEvent, now: datetime) -> Instance:
    row = ProcessInstance(
        process=flow.name,
        key=key,
        version=flow.version,
        step="",
        state={},
        state_version=flow.state.__version__,
        stream=envelope.stream,
        correlation_id=envelope.correlation_id,
        position=envelope.position,
        started_at=now,
        changed_at=now,
    )
    return Instance(row, flow, Memory(), new=True)


def _handle(
    instance: Instance, event: Event, delivery: Delivery, now: datetime
) -> list[ProcessStep]:
    row, envelope = instance.row, delivery.envelope
    began = not instance.memory.step
    told = _advance(instance, envelope, event)
    _collect(instance, told.said, delivery)
    if told.note == NO_INSTANCE:
        return [_step(row, envelope, _missing(instance, envelope, told), now)]
    instance.new = False
    row.position = envelope.position
    steps = [_step(row, envelope, told, now)]
    if began:
        row.stream, row.correlation_id = envelope.stream, envelope.correlation_id
        row.started_at = now
        early, row.early = row.early, []
        for one in read_at(early):
            steps += _handle(instance, load(one), _caused_by(one, delivery), now)
    return steps


def _advance(instance: Instance, envelope: StoredEvent, event: Event) -> Advance:
    row = instance.row
    with connection.execute_wrapper(_refuse):
        return advance(instance.flow, instance.memory, row.key, row.version, envelope, event)


def _missing(instance: Instance, envelope: StoredEvent, told: Advance) -> Advance:
    """What becomes of an event whose instance has not begun."""
    if instance.flow.missing == "dead":
        raise Reject(
            f"{instance.flow.name} has no instance {envelope.key!r}, and {envelope.type} "
            "begins none."
        )
    if instance.flow.missing == "note":
        return told
    instance.new = False
    instance.row.early = [*instance.row.early, envelope.position]
    return Advance("", "", KEPT)


def _caused_by(envelope: StoredEvent, delivery: Delivery) -> Delivery:
    """An early event's, whose effects go with those of the delivery that began the instance."""
    early = Delivery(delivery.processor, delivery.attempt, envelope)
    early.emitted = delivery.emitted
    return early


def _collect(instance: Instance, said: Sequence[Said], delivery: Delivery) -> None:
    """Turn what a method wants into what is appended, set and cancelled with the delivery."""
    for one in said:
        if one.event is None:
            _cancel(instance, one.timer, delivery)
        elif one.timer:
            _set(instance, one, one.event, delivery)
        else:
            delivery.emit(one.event, stream=one.stream or None, also_caused_by=one.also_caused_by)


def _cancel(instance: Instance, timer: str, delivery: Delivery) -> None:
    known = instance.memory.timers.pop(timer, None)
    if known is not None:
        delivery.cancel(_named(instance, timer), stream=known["stream"])


def _set(instance: Instance, said: Said, event: Event, delivery: Delivery) -> None:
    envelope, declared = delivery.envelope, event.__event_type__
    stream = said.stream or envelope.stream
    goes_to = str(getattr(event, declared.key_field)) if declared.key_field else stream
    if instance.flow.key_of is not None:
        goes_to = str(instance.flow.key_of(event))
    if goes_to != instance.row.key or not registry.processor(instance.flow.name).hears(
        declared.name, stream
    ):
        raise HandlerContractError(
            f"{instance.flow.cls.__qualname__}: the timer {said.timer!r} would let "
            f"{declared.name} come to {goes_to!r} in {stream!r}, and not to this instance, "
            f"{instance.row.key!r}. Give it the same key, and a method for that event."
        )
    known = instance.memory.timers.get(said.timer)
    if known is not None and known["stream"] != stream:
        _cancel(instance, said.timer, delivery)
    later = when(said.seconds, said.at, _named(instance, said.timer), replace=True)
    assert later is not None  # a name without a time is refused there
    instance.memory.timers[said.timer] = {
        "event_id": str(later.event_id),
        "stream": stream,
        "type": declared.name,
    }
    draft = Draft(
        event,
        stream=stream,
        correlation_id=envelope.correlation_id,
        causation_id=envelope.id,
        producer=delivery.processor,
        hops=envelope.hops_of_effect(later),
        when=later,
        via=envelope.via,
    )
    delivery.emitted.extend([draft])


def timer_name(process: str, timer: str) -> str:
    """What a timer of a process is called among those of its stream."""
    return f"{process}.{timer}"


def _named(instance: Instance, timer: str) -> str:
    return timer_name(instance.flow.name, timer)


def _step(row: ProcessInstance, envelope: StoredEvent, told: Advance, now: datetime) -> ProcessStep:
    return ProcessStep(
        process=row.process,
        key=row.key,
        position=envelope.position,
        type=envelope.type,
        from_step=told.before,
        to_step=told.after,
        at=now,
        note=told.note,
    )


def _refuse(
    execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any
) -> NoReturn:
    raise HandlerContractError(
        "A method of a process sent a statement. It may change self.state and return events only: "
        "what needs the database is a processor of its own, which the process asks by an event."
    )
