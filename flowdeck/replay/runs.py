"""Runs: asked for, executed by any one process, followed and cancelled by their row.

The live read models are written in one transaction at the very end of a rebuild, if at all. So a
run may fail, be cancelled or killed at any moment before, and be started again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from flowdeck import clock, telemetry
from flowdeck.database import connection, transaction
from flowdeck.declare.registry import Processor
from flowdeck.errors import FlowdeckError, ReplayCancelled, ReplayRefused
from flowdeck.log.horizon import settled_position
from flowdeck.log.positions import newest_position
from flowdeck.models import Archive, Lane, ReplayRun
from flowdeck.people import audit
from flowdeck.privacy import keys as subject_keys
from flowdeck.replay import moments
from flowdeck.replay.differences import Comparison, compare, make_equal
from flowdeck.replay.feed import Feed
from flowdeck.replay.plan import plan, replayable
from flowdeck.replay.shadow import Shadow, shadows

_BEAT = 0.5  # seconds between two looks at the row
_PATIENCE = 60.0  # seconds for transactions that may hide events

State, Kind = ReplayRun.State, ReplayRun.Kind
Follow = Callable[[ReplayRun], object]


def request(
    kind: str,
    names: Sequence[str],
    *,
    by: str,
    reason: str = "",
    to_position: int | None = None,
    seen: int | None = None,
) -> ReplayRun:
    """Ask for a run of the projections (all for no names); it waits for :func:`execute`.

    Raises UnknownProcessor or ReplayRefused, also if :func:`newest_of` the same is another one than
    was ``seen`` when it was asked about.
    """
    if to_position is not None and kind != Kind.PREVIEW:
        raise ReplayRefused(
            f"A {kind} is about what is live, so it goes up to the end of the log: leave out the "
            "position."
        )
    planned = plan(names, to_position)
    with transaction.atomic():
        if seen is not None and (last := newest_of(kind, planned.processors)) != seen:
            raise ReplayRefused(
                f"Meanwhile run {last} of the same was asked for. Look what it says first."
            )
        target = ", ".join(planned.processors)
        audit.record(kind, by=by, target=target, count=planned.total, reason=reason)
        return ReplayRun.objects.create(
            kind=kind,
            processors=planned.processors,
            to_position=to_position,
            by=by,
            reason=reason,
            total=planned.total,
        )


def newest_of(kind: str, processors: Sequence[str]) -> int:
    """The number of the newest run of this kind over just these projections; 0 if there is none."""
    runs = ReplayRun.objects.filter(kind=kind, processors=list(processors)).order_by("-id")
    return runs.values_list("pk", flat=True).first() or 0


def cancel(number: int, *, by: str) -> bool:
    """Let a run that waits or works end without effect; whether it still could be."""
    runs = ReplayRun.objects.filter(pk=number)
    with transaction.atomic():
        over = runs.filter(state=State.WAITING).update(
            state=State.CANCELLED, cancelled_by=by, finished_at=clock.now()
        )
        ending = over or runs.filter(state=State.RUNNING, cancelled_by="").update(cancelled_by=by)
        if ending:
            audit.record("cancel", by=by, target=f"replay run {number}", count=1)
    return bool(ending)


def execute(number: int, follow: Follow = lambda run: None) -> ReplayRun | None:
    """Do a waiting run in this process; None if it does not wait (any more).

    ``follow`` is called with the row now and then. What goes wrong is kept on the row, and raised
    if it is not the run's own business. Needs autocommit.
    """
    now = clock.now()
    if not ReplayRun.objects.filter(pk=number, state=State.WAITING).update(
        state=State.RUNNING, started_at=now, beat_at=now
    ):
        return None
    run = ReplayRun.objects.get(pk=number)
    try:
        run.result = _Work(run, follow).result()
        run.state = State.FINISHED
    except ReplayCancelled:
        run.state = State.CANCELLED
    except Exception as error:
        run.state, run.error = State.FAILED, f"{type(error).__name__}: {error}"[:4000]
        if not isinstance(error, FlowdeckError):
            raise
    finally:
        if run.state == State.RUNNING:  # interrupted: the process is told to end
            run.state, run.error = State.FAILED, "interrupted"
        run.finished_at = run.beat_at = clock.now()
        run.save(update_fields=["state", "error", "result", "done", "finished_at", "beat_at"])
        telemetry.emit(telemetry.Replayed(run.kind, run.processors, run.state))
    return run


def compared(names: Sequence[str] = ()) -> list[dict[str, Any]]:
    """A verification that nobody asked for by name and that leaves no run: reads only.

    For each read model its name, ``rows``, how many are ``differing``, and the first
    ``differences``. Raises UnknownProcessor or ReplayRefused. Needs autocommit.
    """
    processors = [projection.name for projection in replayable(names)]
    if not processors:
        return []
    models: list[dict[str, Any]] = _Work(
        ReplayRun(kind=Kind.VERIFY, processors=processors), lambda run: None
    ).result()["models"]
    return models


class _Work:
    """The steps of one run; of one that has no row, nothing is noted on the way."""

    def __init__(self, run: ReplayRun, follow: Follow) -> None:
        self._run, self._follow = run, follow
        self._looked_at = 0.0

    def result(self) -> dict[str, Any]:
        """Replay beside the live tables, then report, compare or make equal."""
        projections = replayable(self._run.processors)
        _refuse_new(projections)
        _refuse_archived(projections)
        models = dict.fromkeys(model for p in projections for model in p.models)
        forgotten = subject_keys.destroyed()
        with shadows(list(models)) as made:
            feed = Feed(projections, made)
            if self._run.kind == Kind.PREVIEW:
                self._feed_up_to(feed, self._run.to_position)
                with made.transaction():
                    return {"models": [moments.built(shadow.model) for shadow in made.all]}
            self._feed_up_to(feed, None)
            _analyze(made.all)
            with made.transaction():
                _hold(projections)
                _refuse_outdated(forgotten)
                feed.finish()
                self._run.done = feed.seen
                reports = [self._conclude(shadow) for shadow in made.all]
                if self._run.kind == Kind.REBUILD:
                    feed.adopt()
                return {"models": reports}

    def _feed_up_to(self, feed: Feed, bound: int | None) -> None:
        """Feed beside the workers, until little is left to do while they wait."""
        while True:
            settled = settled_position(_PATIENCE)
            if settled is None:
                raise ReplayRefused(
                    f"A transaction has been open for more than {_PATIENCE:.0f} s and may still "
                    "add events in the middle of the log: end it, then start again."
                )
            upto = settled if bound is None else min(settled, bound)
            while feed.advance(upto):
                self._look(feed)
            if bound is not None or newest_position() - upto < feed.chunk:
                self._run.done = feed.seen
                return

    def _look(self, feed: Feed) -> None:
        """Note progress on the row; raise ReplayCancelled if somebody asked for it."""
        self._run.done = feed.seen
        if self._run.pk is None or time.monotonic() - self._looked_at < _BEAT:
            return
        self._looked_at = time.monotonic()
        self._run.beat_at = clock.now()
        self._run.total = max(self._run.total, feed.seen)
        self._run.save(update_fields=["done", "total", "beat_at"])
        self._follow(self._run)
        self._run.refresh_from_db(fields=["cancelled_by"])
        if self._run.cancelled_by:
            raise ReplayCancelled(f"Cancelled by {self._run.cancelled_by}.")

    def _conclude(self, shadow: Shadow) -> dict[str, Any]:
        found = compare(shadow)
        if self._run.kind == Kind.REBUILD and found.differing:
            make_equal(shadow)
        return _reported(found)


def _hold(projections: Sequence[Processor]) -> None:
    """Lock all lanes, so that live deliveries wait until the transaction ends."""
    names = [projection.name for projection in projections]
    list(Lane.objects.select_for_update().filter(processor__in=names).order_by("id"))


def _refuse_archived(projections: Sequence[Processor]) -> None:
    types = {name for projection in projections for name in projection.subscriptions}
    for archive in Archive.objects.order_by("id"):
        if needed := sorted(types & archive.types.keys()):
            raise ReplayRefused(
                f"Events of {', '.join(needed)} were archived to {archive.path}: import the "
                "archives and an export of this log into an empty database, and replay there."
            )


def _refuse_outdated(forgotten: int) -> None:
    # The shadows may hold what was read before, and would bring it back.
    if subject_keys.destroyed() != forgotten:
        raise ReplayRefused("Somebody was forgotten meanwhile: start again.")


def _refuse_new(projections: Sequence[Processor]) -> None:
    known = set(Lane.objects.values_list("processor", flat=True).distinct())
    for projection in projections:
        if projection.name not in known:
            raise ReplayRefused(
                f"{projection.name} is new, and its past is still being delivered to it: wait "
                "until a worker has taken it up."
            )


def _analyze(made: Sequence[Shadow]) -> None:
    """The comparison joins them, and nobody has analyzed them yet."""
    with connection.cursor() as cursor:
        for shadow in made:
            if connection.vendor == "postgresql":
                cursor.execute(f"ANALYZE {shadow.table}")


def _reported(found: Comparison) -> dict[str, Any]:
    return {
        "model": found.model,
        "rows": found.rows,
        "differing": found.differing,
        "differences": [difference.as_dict() for difference in found.shown],
    }
