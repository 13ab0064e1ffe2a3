"""Asking why: what the question is about, the chain of that, and the answer in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from flowdeck.models import Delivery, Event, ProcessInstance, Timer
from flowdeck.observe.loading import load_trace, load_traces
from flowdeck.why import connectors, instances, processors, timers
from flowdeck.why import ground as grounds
from flowdeck.why.answer import UNDER_WAY, Answer, Found, Kind, Subject
from flowdeck.why.subject import named
from flowdeck.why.traces import Question

_TRACES = 5  # newest of a record
_EVENTS = 200  # newest of a record, whose traces these are
WELL = "All is done; nothing usual is missing."


def why(of: str) -> Answer | None:
    """Why what ``of`` names has not happened; None if it names nothing.

    A constant number of queries, each by an index, whatever the size of the log.
    """
    subject = named(of)
    return None if subject is None else answer(subject)


def answer(subject: Subject) -> Answer:
    """The answer about a subject that there is."""
    found = _FINDERS[subject.kind](subject.name)
    return Answer(
        subject=subject,
        conclusion=_concluded(subject, found),
        facts=found.chain.facts if found.chain else (),
        ways=found.chain.ways if found.chain else (),
        others=found.others,
        ruled_out=found.ruled_out,
    )


def _concluded(subject: Subject, found: Found) -> str:
    title = subject.title
    if title != subject.name and subject.kind != "process":  # it is words, not a name
        title = f"{title[0].upper()}{title[1:]}"
    if found.chain is None:
        return (
            WELL if subject.kind in ("trace", "stream", "event") else f"{title}: nothing is wrong."
        )
    root = found.chain.root
    if root.kind in UNDER_WAY:
        return f"{title} is under way: {root.said}."
    waits = next((one for one in reversed(found.chain.facts) if one.kind == Kind.WAITS_FOR), None)
    told = f"{waits.said}; {root.said}" if waits is not None and waits != root else root.said
    return f"{title}: {told}."


def _trace(name: str) -> Found:
    trace = load_trace(UUID(name))
    return Question(trace).answer() if trace else Found(None)


def _stream(name: str) -> Found:
    """Of the trace that its first event is in, and the newest ones."""
    events = Event.objects.filter(stream=name)
    newest = events.order_by("-sequence").values_list("correlation_id", flat=True)[:_EVENTS]
    first = events.order_by("sequence").values_list("correlation_id", flat=True).first()
    if first is None:
        return Found(None)
    names = list(dict.fromkeys([*newest]))[: _TRACES - 1]
    loaded = load_traces(dict.fromkeys([first, *names]))
    main = loaded.pop(first)
    return Question(main, list(loaded.values())).answer()


def _event(name: str) -> Found:
    row = Event.objects.filter(pk=int(name)).values_list("correlation_id", flat=True).first()
    trace = load_trace(row) if row else None
    return Question(trace, focus=int(name)).answer() if trace else Found(None)


def _letter(name: str) -> Found:
    row = Delivery.objects.filter(letter=int(name)).select_related("event").first()
    trace = load_trace(row.event.correlation_id) if row else None
    if row is None or trace is None:
        return Found(None)
    return Question(trace, focus=row.event_id, processor=row.processor).answer()


def _timer(name: str) -> Found:
    timer = Timer.objects.filter(pk=int(name)).first()
    return Found(timers.explain(timer, grounds.read([])) if timer else None)


def _process(name: str) -> Found:
    process, _, key = name.partition(":")
    row = ProcessInstance.objects.filter(process=process, key=key).first()
    return instances.explain(row) if row else Found(None)


_FINDERS: dict[str, Callable[[str], Found]] = {
    "trace": _trace,
    "stream": _stream,
    "event": _event,
    "letter": _letter,
    "processor": processors.explain,
    "timer": _timer,
    "process": _process,
    "connector": connectors.explain,
}
