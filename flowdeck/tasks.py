"""Celery tasks: a few lines each, the work is elsewhere."""

from __future__ import annotations

from celery import shared_task

from flowdeck.bells.bell import DRAIN_TASK, PROVE_TASK, REPLAY_TASK
from flowdeck.engine import drain, sweep
from flowdeck.repair import asking
from flowdeck.replay import runs


@shared_task(name=DRAIN_TASK, ignore_result=True)  # type: ignore[untyped-decorator]
def drain_processor(processor: str) -> None:
    """A bell was rung for ``processor``: work until nothing is due or the time is up."""
    sweep.look_after_sweeper()
    drain.answer_bell(processor)


@shared_task(name=REPLAY_TASK, ignore_result=True)  # type: ignore[untyped-decorator]
def replay(number: int) -> None:
    """Somebody asked for run ``number``: do it, unless it is done or cancelled."""
    runs.execute(number)


@shared_task(name=PROVE_TASK, ignore_result=True)  # type: ignore[untyped-decorator]
def prove(number: int) -> None:
    """Somebody asked for the proof of repair ``number``: run it, unless somebody does."""
    asking.execute(number)
