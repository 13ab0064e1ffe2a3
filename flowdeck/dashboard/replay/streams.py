"""Time travel: the history of one stream, and its state as of each event."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from flowdeck import parsing
from flowdeck.dashboard.replay.belongings import belongings_of
from flowdeck.dashboard.shell.once import wants_part
from flowdeck.dashboard.shell.page import requires
from flowdeck.dashboard.shell.records import record_of
from flowdeck.dashboard.shell.rendering import render
from flowdeck.models import ArchivedStream, Event, Stream
from flowdeck.observe.history import LONGEST, History, Step, Value, difference, history_of

_LATELY = 12  # streams offered where none was asked for
_LOOKED_AT = 500  # of the newest events
_LABELLED = 8  # more marks than this have no room for their times
_BUDGET = 300_000  # characters of all states on the page together
_MARKUP = 60  # of each value
_LONGEST_VALUE = 4_000
_DIFFERENCES = 200
_EDGE = 4.0  # per cent of the slider left and right of the marks


@dataclass(frozen=True, slots=True)
class Mark:
    """A step where it stands on the slider (per cent), with the time since the first one."""

    step: Step
    x: float
    after: timedelta
    shown: bool
    payload: dict[str, Any]

    @property
    def type(self) -> str:
        """For the glyph's role."""
        return self.step.event.type

    @property
    def data(self) -> dict[str, Any]:
        """Likewise."""
        return self.payload

    @property
    def causation_id(self) -> Any:
        """Likewise."""
        return self.step.event.causation_id


@dataclass(frozen=True, slots=True)
class Snap:
    """The state after a step as the page has it: ``left_out`` values had no room.

    ``there``: False for a state that is shown by an address of its own.
    """

    step: Step
    values: tuple[Value, ...] = ()
    left_out: int = 0
    there: bool = True


@requires("view_log")
def streams(request: HttpRequest) -> HttpResponse:
    """Ask for a stream; ``?stream=<name>`` goes there."""
    asked = request.GET.get("stream", "").replace("\x00", "").strip()[:200]
    if asked and history_exists(asked):
        return redirect(reverse("flowdeck:stream", args=[asked]))
    newest = Event.objects.order_by("-position").values_list("stream", flat=True)[:_LOOKED_AT]
    lately = list(dict.fromkeys(newest))[:_LATELY]
    context = {"asked": asked, "lately": [(name, record_of(name)) for name in lately]}
    return render(request, "flowdeck/streams/list.html", context, status=404 if asked else 200)


@requires("view_log")
def travel(request: HttpRequest, stream: str) -> HttpResponse:
    """The history of a stream as of event ``?at=``, beside its state at event ``?with=``.

    For htmx the answer is the comparison alone.
    """
    found = history_of(stream, parsing.number(request.GET.get("at", "")))
    if found is None:
        raise Http404(f"There is no stream {stream!r}.")
    if not found.steps:
        context = {"history": found, "archived": _archived(stream)}
        return render(request, "flowdeck/streams/archived.html", context)
    context = {"history": found, "selected": found.step(found.at), **_compared(request, found)}
    if wants_part(request):
        return render(request, "flowdeck/streams/_compare.html", context)
    return render(request, "flowdeck/streams/page.html", context | _around(found))


def history_exists(name: str) -> bool:
    """Whether the log has a stream of this name."""
    return Stream.objects.filter(name=name, head__gt=0).exists()


def _archived(stream: str) -> list[ArchivedStream]:
    """Where what is archived of the stream is, the newest file last."""
    tombstones = ArchivedStream.objects.filter(stream=stream).select_related("archive")
    return list(tombstones.order_by("upto"))


def _around(found: History) -> dict[str, Any]:
    newest = found.steps[-1]
    return {
        "record": record_of(found.stream),
        "marks": _marks(found),
        "snaps": _snaps(found),
        "labelled": len(found.steps) <= _LABELLED,
        "belongings": belongings_of(found.stream, newest.state),
        "archived": _archived(found.stream) if found.archived else [],
        "longest": LONGEST if found.steps[0].event.sequence > LONGEST else 0,
        "before": f"?{urlencode({'at': max(1, found.steps[0].event.sequence - 1)})}",
        "last": newest.event.sequence,
        "after": f"?{urlencode({'at': found.steps[-1].event.sequence + 1})}",
    }


def _compared(request: HttpRequest, found: History) -> dict[str, Any]:
    wanted, selected = parsing.number(request.GET.get("with", "")), found.step(found.at)
    if wanted is None or selected is None:
        return {"other": None, "differences": []}
    other = found.step(wanted)
    if other is None:
        far = history_of(found.stream, wanted)
        other = far.step(far.at) if far else None
    if other is None:
        return {"other": None, "differences": []}
    differences = difference(other.state, selected.state)
    return {
        "other": other,
        "differences": [
            (name, _clipped(then), _clipped(now)) for name, then, now in differences[:_DIFFERENCES]
        ],
        "differ_more": max(0, len(differences) - _DIFFERENCES),
    }


def _marks(found: History) -> list[Mark]:
    steps = found.steps
    gap = (100 - 2 * _EDGE) / max(1, len(steps) - 1)
    began = steps[0].event.recorded_at
    return [
        Mark(
            step,
            round(_EDGE + gap * number, 2),
            step.event.recorded_at - began,
            step.event.sequence == found.at,
            step.event.payload,
        )
        for number, step in enumerate(steps)
    ]


def _snaps(found: History) -> list[Snap]:
    """The states, nearest to the chosen event first as far as the budget goes; in their order."""
    left = _BUDGET
    snaps = {}
    for step in sorted(found.steps, key=lambda one: abs(one.event.sequence - found.at)):
        values: list[Value] = []
        for value in step.values:
            before = None if value.before is None else _clipped(value.before)
            short = replace(value, name=value.name[:200], text=_clipped(value.text), before=before)
            left -= len(short.name) + len(short.text) + len(before or "") + _MARKUP
            if left < 0:
                break
            values.append(short)
        missing = len(step.values) - len(values)
        there = not missing or step.event.sequence == found.at
        snaps[step.event.sequence] = (
            Snap(step, tuple(values), missing) if there else Snap(step, there=False)
        )
    return [snaps[step.event.sequence] for step in found.steps]


def _clipped(text: str) -> str:
    if len(text) <= _LONGEST_VALUE:
        return text
    return f"{text[:_LONGEST_VALUE]}… and {len(text) - _LONGEST_VALUE:,} more characters"
