"""Replay of processes: is each state what its events come to, in the order they were handled?

Methods are called again, in memory, with what was handed to them; nothing is written. The order is
that of the steps: positions of a key that spans streams may have become visible in another one.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from flowdeck.declare.event import StoredEvent
from flowdeck.declare.registry import registry
from flowdeck.errors import FlowdeckError, Snooze
from flowdeck.log.append import read_at
from flowdeck.log.payloads import load
from flowdeck.models import Event, ProcessInstance, ProcessStep
from flowdeck.process_managers.advance import advance
from flowdeck.process_managers.declared import flows
from flowdeck.process_managers.flow import Flow
from flowdeck.process_managers.instance import Memory, Said, undone
from flowdeck.process_managers.matching import PASSED_OVER
from flowdeck.process_managers.run import instance_of, timer_name
from flowdeck.process_managers.stopping import UNDONE
from flowdeck.sql.parts import chunked

_INSTANCES = 200  # looked at together
_Emitted = Counter[tuple[Any, str, str]]


def differences(process: str, keys: Sequence[str] = ()) -> Iterator[str]:
    """What is not as a replay has it, a sentence each, of all instances or of these."""
    rows = ProcessInstance.objects.filter(process=process).exclude(step="")
    names = keys or list(rows.order_by("key").values_list("key", flat=True))
    for chunk in chunked(names, _INSTANCES):
        yield from _of_chunk(process, list(rows.filter(key__in=list(chunk)).order_by("key")))


def _of_chunk(process: str, rows: list[ProcessInstance]) -> Iterator[str]:
    steps: dict[str, list[ProcessStep]] = defaultdict(list)
    chosen = ProcessStep.objects.filter(process=process, key__in=[row.key for row in rows])
    for step in chosen.order_by("id"):
        steps[step.key].append(step)
    told = {one.position for all_of in steps.values() for one in all_of}
    events = {one.position: one for one in read_at(at for at in told if at is not None)}
    for row in rows:
        try:
            yield from _of_one(row, steps[row.key], events)
        except (FlowdeckError, LookupError) as error:
            if not isinstance(error, Snooze):  # only newer code can tell
                yield f"{process} {row.key} can't be replayed: {error}"


def _of_one(
    row: ProcessInstance, steps: list[ProcessStep], events: dict[int, StoredEvent]
) -> Iterator[str]:
    flow = flows[row.process].get(row.version)
    if flow is None:
        yield f"{row.process} {row.key} began with version {row.version}, which is not declared"
        return
    live, what = instance_of(row).memory, f"{row.process} {row.key}"
    memory, emitted = _replayed(flow, row, steps, events)
    if memory.state != live.state:
        yield f"{what}: its state is {_told(live)}, and a replay comes to {_told(memory)}"
    if sorted(memory.timers) != sorted(live.timers):
        yield f"{what}: open timers {sorted(live.timers)}, and {sorted(memory.timers)} in a replay"
    logged = _logged(row.process, events, steps)
    if emitted != logged:
        differing = sorted({type_ for _, type_, _ in (emitted - logged) + (logged - emitted)})
        yield f"{what}: what it emitted is not what a replay does: {', '.join(differing)}"


def _replayed(
    flow: Flow, row: ProcessInstance, steps: Iterable[ProcessStep], events: dict[int, StoredEvent]
) -> tuple[Memory, _Emitted]:
    memory, emitted = Memory(), _Emitted()
    for step in steps:
        if step.position is None:
            if step.note == UNDONE:
                undone(memory)
            memory.over = True
            memory.timers.clear()
        elif not step.note or step.note in PASSED_OVER:
            envelope = events[step.position]
            _come_true(memory, envelope, flow.name)
            told = advance(flow, memory, row.key, row.version, envelope, load(envelope))
            for one in told.said:
                _note(memory, emitted, envelope, one)
    return memory, emitted


def _come_true(memory: Memory, envelope: StoredEvent, process: str) -> None:
    """Ids of timers are drawn anew in a replay: one that was handed over was the open one."""
    timer = envelope.metadata.get("timer")
    if envelope.producer != process or not isinstance(timer, dict):
        return
    for name, known in memory.timers.items():
        if timer_name(process, name) == timer.get("name"):
            known["event_id"] = str(envelope.id)


def _note(memory: Memory, emitted: _Emitted, envelope: StoredEvent, said: Said) -> None:
    if said.event is None:
        memory.timers.pop(said.timer, None)
        return
    declared = said.event.__event_type__
    if said.timer:
        memory.timers[said.timer] = {"event_id": "", "type": declared.name}
        return
    text = _as_text(declared.name, said.event.model_dump(mode="json"))
    emitted[envelope.id, declared.name, text] += 1


def _logged(process: str, events: dict[int, StoredEvent], steps: list[ProcessStep]) -> _Emitted:
    """What the log has of it by its causes, without what came from timers."""
    causes = [events[one.position].id for one in steps if one.position in events]
    rows = Event.objects.filter(causation_id__in=causes, producer=process)
    return _Emitted(
        (row.causation_id, row.type, _as_text(row.type, row.data))
        for row in rows
        if "timer" not in row.metadata
    )


def _as_text(type_: str, data: dict[str, Any]) -> str:
    """The payload to compare. What is personal is sealed in the log, so only its type is."""
    declared = registry.event_types.get(type_)
    return "" if declared is None or declared.personal else json.dumps(data, sort_keys=True)


def _told(memory: Memory) -> str:
    return "nothing" if memory.state is None else memory.state.model_dump_json()[:200]
