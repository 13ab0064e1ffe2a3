"""Traces: the newest ones, and one whole as a waterfall of causes and effects."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse

from flowdeck.dashboard.shell.download import download
from flowdeck.dashboard.shell.page import requires, signed_in
from flowdeck.dashboard.shell.records import record_of
from flowdeck.dashboard.shell.rendering import render
from flowdeck.dashboard.trace.compare import compare as lay_out_both
from flowdeck.dashboard.trace.filter import TraceFilter
from flowdeck.dashboard.trace.hops import hops_of
from flowdeck.dashboard.trace.mermaid import sequence_diagram
from flowdeck.dashboard.trace.page import TracePage, parse_choice
from flowdeck.dashboard.trace.recent import alike, durations_of, filtered_traces, recent_traces
from flowdeck.declare.registry import registry
from flowdeck.log.positions import newest_position
from flowdeck.observe.loading import load_traces
from flowdeck.observe.trace_rows import OUTCOMES, SORTS
from flowdeck.observe.traces import Trace
from flowdeck.people.access import can, can_see_trace
from flowdeck.transfer.cloudevents import MEDIA_TYPE
from flowdeck.transfer.exporting import Chosen, as_masked, export


@requires("view_log")
def traces(request: HttpRequest) -> HttpResponse:
    """The newest traces, or those that a filter chooses; older ones by ``?before=<position>``."""
    wanted = TraceFilter.parse(request.GET)
    page = recent_traces(wanted.before) if wanted.plain else filtered_traces(wanted)
    following = wanted.following(page.older, page.skip)
    context = {
        "page": page,
        "filter": wanted,
        "older": following.query if following != wanted.first else "",
        "live_view": wanted.live_view,
        "durations": durations_of(wanted),
        "sorted": {sort: wanted.sorted_by(sort).query for sort in SORTS},
        "types": sorted(registry.event_types),
        "outcomes": OUTCOMES.items(),
        "sorts": SORTS,
    }
    return render(request, "flowdeck/traces/list.html", context)


@signed_in
def trace(request: HttpRequest, correlation_id: UUID) -> HttpResponse:
    """One trace. ``delivery`` and ``attempt`` choose what the drawer shows."""
    # Whoever may not see it does not learn whether it exists.
    page = None
    if can_see_trace(request.user, correlation_id):
        page = TracePage.load(correlation_id, parse_choice(request.GET))
    if page is None:
        raise Http404(f"There is no trace {correlation_id} that you may see.")
    context = {"page": page, "may_resolve": can(request.user, "retry_dead_letters")}
    return render(request, "flowdeck/traces/trace.html", context)


@signed_in
def mermaid(request: HttpRequest, correlation_id: UUID) -> HttpResponse:
    """The sequence diagram of a trace as Mermaid text."""
    [found] = _visible(request, [correlation_id])
    text = sequence_diagram(found, hops_of(found))
    return HttpResponse(text, content_type="text/plain; charset=utf-8")


@signed_in
def export_trace(request: HttpRequest, correlation_id: UUID) -> StreamingHttpResponse:
    """The events of a trace as JSON lines of CloudEvents, personal values masked."""
    _visible(request, [correlation_id])
    lines = export(Chosen(correlation_id), as_masked, upto=newest_position())
    return download(request, lines, kind=MEDIA_TYPE, name=f"trace-{correlation_id}.jsonl")


@requires("view_log")
def compare(request: HttpRequest) -> HttpResponse:
    """Two traces, ``a`` and ``b``, side by side; with ``a`` alone, others to choose from."""
    names = [name for key in ("a", "b") if (name := _uuid(request.GET.get(key, "")))]
    if not names:
        raise Http404("Name the trace to compare: ?a=<correlation id>.")
    found = _visible(request, names)
    context: dict[str, object] = {
        "traces": [(trace, record_of(trace.roots[0].row.stream)) for trace in found],
    }
    if len(found) == 1:
        context["others"] = alike(found[0])
    else:
        context["comparison"] = lay_out_both(found[0], found[1])
    return render(request, "flowdeck/traces/compare.html", context)


def _visible(request: HttpRequest, names: list[UUID]) -> list[Trace]:
    """These traces in order; whoever may not see one does not learn whether it exists."""
    seen = {name for name in names if can_see_trace(request.user, name)}
    found = load_traces(seen)
    missing = [name for name in names if name not in found]
    if missing:
        raise Http404(f"There is no trace {missing[0]} that you may see.")
    return [found[name] for name in names]


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
