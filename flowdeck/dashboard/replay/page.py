"""Replay: is each read model right, and the runs that say so or mend it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from flowdeck import parsing
from flowdeck.bells import bell
from flowdeck.dashboard.shared.as_of import position_of
from flowdeck.dashboard.shell.page import requires
from flowdeck.dashboard.shell.rendering import render
from flowdeck.database import transaction
from flowdeck.declare.registry import Processor
from flowdeck.errors import FlowdeckError, ReplayRefused, UnknownProcessor
from flowdeck.models import Archive, ReplayRun
from flowdeck.people.access import can
from flowdeck.replay import runs as all_runs
from flowdeck.replay.moments import tables
from flowdeck.replay.plan import plan, replayable

EVERY = "all"
KINDS = (ReplayRun.Kind.VERIFY.value, ReplayRun.Kind.REBUILD.value)
AS_OF = ReplayRun.Kind.PREVIEW.value
_LISTED = 30
_ARCHIVES = 3  # files named
_SAY_WHY = "Say why, in at most 300 characters: it is kept with the run."


@dataclass(frozen=True, slots=True)
class Model:
    """A projection with its newest verdict: ``run`` is the one that gave it, or None."""

    projection: Processor
    run: ReplayRun | None

    @property
    def labels(self) -> str:
        """The names of its read models."""
        return ", ".join(model._meta.label for model in self.projection.models)

    @property
    def reports(self) -> list[dict[str, Any]]:
        """What the run said of its read models."""
        mine = {model._meta.label for model in self.projection.models}
        return (
            [r for r in self.run.result.get("models", []) if r["model"] in mine] if self.run else []
        )

    @property
    def rows(self) -> int | None:
        """How many rows a replay gave; None if there was none."""
        return sum(report["rows"] for report in self.reports) if self.reports else None

    @property
    def differing(self) -> int:
        """How many rows differ still: none after a rebuild."""
        if self.run is None or self.run.kind == ReplayRun.Kind.REBUILD:
            return 0
        return sum(report["differing"] for report in self.reports)


def contents(number: int | None = None, beside: int | None = None) -> dict[str, Any]:
    """What the page shows, with run ``number`` (the newest for None). Raises DoesNotExist.

    A run about how the read models were stands beside run ``beside``, or beside how they are now.
    """
    listed = list(ReplayRun.objects.all()[:_LISTED])
    shown = next((run for run in listed if number in (None, run.pk)), None)
    if shown is None and number is not None:
        shown = ReplayRun.objects.get(pk=number)
    models = [Model(p, _verdict_of(p.name, listed)) for p in replayable([])]
    archives = list(Archive.objects.order_by("-id")[:_ARCHIVES])
    return {
        "models": models,
        "runs": listed,
        "run": shown,
        "archives": archives,
        **_moments(shown, beside, listed),
    }


def _moments(run: ReplayRun | None, beside: int | None, listed: list[ReplayRun]) -> dict[str, Any]:
    """The read models as they were, if the run is about that, beside another run or now."""
    if run is None or run.kind != AS_OF or run.state != run.State.FINISHED:
        return {}
    others = [
        each
        for each in listed
        if each.kind == AS_OF
        and each.state == each.State.FINISHED
        and each.pk != run.pk
        and each.processors == run.processors
    ]
    other = next((each for each in others if each.pk == beside), None)
    return {"tables": tables(run, other), "others": others, "other": other}


def newest_verdicts(names: Iterable[str]) -> dict[str, ReplayRun]:
    """For each projection the newest run that said whether its read model is right, if any."""
    listed = list(ReplayRun.objects.all()[:_LISTED])
    return {name: run for name in names if (run := _verdict_of(name, listed)) is not None}


def _verdict_of(name: str, listed: list[ReplayRun]) -> ReplayRun | None:
    return next(
        (
            run
            for run in listed
            if run.kind in KINDS and run.state == run.State.FINISHED and name in run.processors
        ),
        None,
    )


@requires("view_replay")
def replay(request: HttpRequest) -> HttpResponse:
    """The read models and the runs. ``?verify=<name>`` and the like ask first."""
    for kind in (*KINDS, AS_OF):
        if name := request.GET.get(kind, ""):
            where = position_of(request.GET) if kind == AS_OF else {}
            return _page(request, kind=kind, asked=name, **where)
    return _page(request, cancelling="cancel" in request.GET)


@require_POST
@requires("run_replay")
def run(request: HttpRequest) -> HttpResponse:
    """Ask for a run; a worker does it."""
    kind, name = request.POST.get("kind", ""), request.POST.get("name", "")
    reason = parsing.reason(request.POST.get("reason", ""))
    if kind not in (*KINDS, AS_OF):
        raise Http404(f"There is no kind of run {kind[:40]!r}.")
    where: dict[str, Any] = {"to": None, "problem": ""}
    if kind == AS_OF:
        where = position_of(request.POST)
    if reason is None or where["problem"]:
        where["problem"] = where["problem"] or _SAY_WHY
        typed = request.POST.get("reason", "")
        return _page(request, kind=kind, asked=name, reason=typed, status=422, **where)
    names = [] if name == EVERY else [name]
    try:
        with transaction.atomic():
            made = all_runs.request(
                kind,
                names,
                by=request.user.get_username(),
                reason=reason,
                to_position=where["to"],
                seen=parsing.number(request.POST.get("seen", "")),
            )
            transaction.on_commit(lambda: bell.start_run(made.pk))
    except UnknownProcessor as error:
        raise Http404(str(error)) from error
    except ReplayRefused as error:
        return _page(request, problem=str(error), status=422)
    return redirect(f"{reverse('flowdeck:replay')}?run={made.pk}")


@require_POST
@requires("run_replay")
def cancel(request: HttpRequest, number: int) -> HttpResponse:
    """End a run without effect; one that is over stays as it is."""
    if not ReplayRun.objects.filter(pk=number).exists():
        raise Http404(f"There is no run {number}.")
    all_runs.cancel(number, by=request.user.get_username())
    return redirect(f"{reverse('flowdeck:replay')}?run={number}")


def _page(
    request: HttpRequest, *, kind: str = "", asked: str = "", status: int = 200, **context: Any
) -> HttpResponse:
    number = parsing.number(request.GET.get("run", ""))
    try:
        context |= contents(number, parsing.number(request.GET.get("with", "")))
    except ReplayRun.DoesNotExist as error:
        raise Http404(f"There is no run {number}.") from error
    if asked:
        try:
            planned = plan([] if asked == EVERY else [asked], context.get("to"))
            context |= {"plan": planned, "seen": all_runs.newest_of(kind, planned.processors)}
        except FlowdeckError as error:
            raise Http404(str(error)) from error
    context |= {"may_run": can(request.user, "run_replay"), "kind": kind, "asked": asked}
    return render(request, "flowdeck/replay/page.html", context, status=status)
