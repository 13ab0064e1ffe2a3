"""What a question is about: text that anybody may have typed, or the name that a link gives."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from uuid import UUID

from flowdeck import parsing
from flowdeck.connect import connectors
from flowdeck.declare.registry import registry
from flowdeck.models import Delivery, Event, Lane, ProcessInstance, Stream, Timer
from flowdeck.process_managers.declared import flows
from flowdeck.sql import dialect
from flowdeck.why.answer import Subject
from flowdeck.words import SHORT_ID

LONGEST = 300
KINDS = ("trace", "stream", "event", "letter", "processor", "timer", "process", "connector")
_SPLIT = re.compile(rf"({'|'.join(KINDS)})[:\s]\s*(.+)", re.DOTALL)


def named(of: str) -> Subject | None:
    """What ``of`` names, or None: ``kind:name``, ``kind name``, or a name by itself.

    Look-ups are by key. Of several kinds with such a name connectors come first, then processors,
    traces and events by id, events by position, streams, processes and timers.
    """
    text = of.strip()[:LONGEST]
    if not text or not text.isprintable():
        return None
    if (match := _SPLIT.fullmatch(text)) and (found := _BY_KIND[match[1]](match[2].strip())):
        return found
    looks = (_connector, _processor, _by_id, _event, _stream, _process, _trace_by_end, _timer)
    return next((found for look in looks if (found := look(text)) is not None), None)


def _connector(text: str) -> Subject | None:
    return Subject("connector", text, text) if text in connectors.names() else None


def _processor(text: str) -> Subject | None:
    if text in registry.processors or Lane.objects.filter(processor=text[:64]).exists():
        return Subject("processor", text, text)
    return None


def _by_id(text: str) -> Subject | None:
    try:
        wanted = UUID(text)
    except ValueError:
        return None
    if Event.objects.filter(correlation_id=wanted).exists():
        return _trace_of(wanted)
    position = Event.objects.filter(id=wanted).values_list("position", flat=True).first()
    return _event(str(position)) if position is not None else None


def _trace_of(wanted: UUID) -> Subject:
    return Subject("trace", str(wanted), f"the trace {str(wanted)[-SHORT_ID:]}")


def _event(text: str) -> Subject | None:
    number = parsing.number(text.removeprefix("#").replace(",", ""))
    row = Event.objects.filter(pk=number).values_list("type", "stream").first() if number else None
    return Subject("event", str(number), f"{row[0]} of {row[1]}") if row else None


def _letter(text: str) -> Subject | None:
    number = parsing.number(text.removeprefix("#").replace(",", ""))
    row = Delivery.objects.filter(letter=number).first() if number else None
    return Subject("letter", str(number), f"dead letter {number}") if row else None


def _stream(text: str) -> Subject | None:
    """A record by the name of its stream; ``parcel 9`` is ``parcel-9``."""
    for name in dict.fromkeys((text, text.replace(" ", "-"))):
        if Stream.objects.filter(pk=name[:200], head__gt=0).exists():
            return Subject("stream", name, name)
    return None


def _process(text: str) -> Subject | None:
    """``process:key``, ``process key``, or the key of an instance of any process."""
    for process, key in _splits(text):
        rows = ProcessInstance.objects.filter(process__in=process, key=key[:200])
        row = rows.exclude(step="").values_list("process", "key").first()
        if row:
            return Subject("process", f"{row[0]}:{row[1]}", f"{row[0]} of {row[1]}")
    return None


def _splits(text: str) -> Iterator[tuple[list[str], str]]:
    for mark in (":", " "):
        process, found, key = text.partition(mark)
        if found and process in flows:
            yield [process], key
    if flows:
        yield list(flows), text


def _trace_by_end(text: str) -> Subject | None:
    """A trace as pages show it, by the end of its id."""
    if not re.fullmatch(rf"[0-9a-fA-F]{{{SHORT_ID}}}", text):
        return None
    first = Event.objects.filter(causation_id=None).extra(  # noqa: S610 (a constant)
        where=[f"{dialect().TRACE_END} = %s"], params=[text.lower()]
    )
    wanted = first.order_by().values_list("correlation_id", flat=True).first()
    return _trace_of(wanted) if wanted is not None else None


def _timer(text: str) -> Subject | None:
    """A timer by its number, or by ``name of stream``."""
    number = parsing.number(text.removeprefix("#"))
    rows = Timer.objects.all()
    if number is not None:
        rows = rows.filter(pk=number)
    else:
        name, _, scope = text.partition(" of ")
        rows = rows.filter(scope=scope[:200], name=name[:100], ended_at=None)
    row = rows.order_by("-pk").first()
    if row is None:
        return None
    return Subject("timer", str(row.pk), f"the timer {row.name} of {row.stream}")


def _trace(text: str) -> Subject | None:
    found = _by_id(text)
    return found if found and found.kind == "trace" else _trace_by_end(text)


_BY_KIND: dict[str, Callable[[str], Subject | None]] = {
    "trace": _trace,
    "stream": _stream,
    "event": _event,
    "letter": _letter,
    "processor": _processor,
    "timer": _timer,
    "process": _process,
    "connector": _connector,
}
