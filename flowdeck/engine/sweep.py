"""The sweep: every worker process looks for due work by itself, once a second.

Bells may be lost, retries become due, leases run out: no message announces these. So each worker
process rings for what it finds due. When a bell can't be rung (Redis is away), or is rung and
nobody comes (the broker lost it, or consumers are deaf), it works from the database alone. There is
no beat process whose death stops retries.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from flowdeck import clock, telemetry
from flowdeck.alerts import watch
from flowdeck.bells import bell, reach, silence
from flowdeck.conf import conf
from flowdeck.connect import attempts, foreign_spans, posts, runner
from flowdeck.database import connection
from flowdeck.declare.registry import registry
from flowdeck.engine import (
    answers,
    drain,
    keeping,
    lanes,
    release,
    schedules,
    signs_of_life,
    subscriptions,
    timers,
)
from flowdeck.engine import faults as infrastructure
from flowdeck.engine.drain import due_processors
from flowdeck.engine.vital_signs import VitalSigns, memory
from flowdeck.history import fold
from flowdeck.letters import bulk, floors
from flowdeck.log.positions import newest_position
from flowdeck.objectives import judging
from flowdeck.observe import current
from flowdeck.process_managers import retention
from flowdeck.processes import worker_name
from flowdeck.replay import shadow
from flowdeck.sql import dialect

logger = logging.getLogger("flowdeck")
_MINUTE = timedelta(minutes=1)
_BREATH = 0.1  # seconds between ticks while a bulk action has more to do: others write too
_PATIENCE = 3.0  # seconds: a bell may be de-bounced for two


def sweep() -> None:
    """Ring for what is due; work here on what can't be rung for, or was and nobody came."""
    names = due_processors()
    for name in _unheard.among(names) if bell.ring(names, wait=True) else names:
        drain.drain(registry.processor(name))
        timers.fire_all()  # they are not to wait for all that work
    for number in _forgotten_runs():
        bell.start_run(number)


def _forgotten_runs() -> list[int]:
    """Replay runs that still wait although a worker was asked to do them: the bell was lost."""
    from flowdeck.models import ReplayRun

    waiting = ReplayRun.objects.filter(state=ReplayRun.State.WAITING).order_by("id")
    since = clock.now() - timedelta(seconds=_PATIENCE)
    return list(waiting.filter(requested_at__lt=since).values_list("pk", flat=True)[:1])


def make_room() -> None:
    """Make the tables that deliveries go to once they are done, long before they are needed."""
    ahead = dialect().partitions_ahead(newest_position())
    if ahead:
        with connection.cursor() as cursor:
            dialect().make_partitions(cursor, ahead)


class _Unheard:
    """Which processors have been due for a while without anybody claiming one of their lanes."""

    def __init__(self) -> None:
        self._due_since: dict[str, float] = {}

    def among(self, names: Iterable[str]) -> list[str]:
        """Those of the ``names`` due now whose bells nobody has answered for some seconds."""
        now = time.monotonic()
        self._due_since = {name: self._due_since.get(name, now) for name in names}
        waiting = [name for name, since in self._due_since.items() if now - since >= _PATIENCE]
        answered = lanes.claimed_within(waiting, _PATIENCE) if waiting else ()
        return [name for name in waiting if name not in answered]


_unheard = _Unheard()


def run_without_bells(names: Iterable[str]) -> None:
    """Work off what is due of the named processors until interrupted, without any bell."""
    chosen, waiting = set(names), threading.Event()
    said_at = time.monotonic()
    while not waiting.wait(conf().SWEEP_SECONDS):
        schedules.catch_up()
        if time.monotonic() - said_at > _MINUTE.total_seconds():
            said_at = time.monotonic()
            _say_what_is_heard()
        lanes.create_missing(registry.processor(name) for name in chosen)
        for name in chosen & set(due_processors()):
            drain.drain(registry.processor(name))
        floors.note_settled()
        fold.tick()


class Sweeper(threading.Thread):
    """The timer of one worker process. Faults are told and the next tick tries again."""

    def __init__(self) -> None:
        super().__init__(name="sweeper", daemon=True)
        self._stopping = threading.Event()
        self._beat_at = self._minute_at = datetime.min.replace(tzinfo=UTC)
        self._began = time.monotonic()
        self._signs = VitalSigns()
        self._cut_off_since: datetime | None = None

    def run(self) -> None:
        """Sweep until stopped. If it can't go on, neither does the process."""
        telemetry.subscribe(telemetry.Settled, self._signs.settled)
        pause = conf().SWEEP_SECONDS
        try:
            while not self._waited(pause):
                pause = _BREATH if self.tick() else conf().SWEEP_SECONDS
        except BaseException as error:
            _end_this_process(error)
        finally:
            connection.close()
            telemetry.unsubscribe(telemetry.Settled, self._signs.settled)

    @property
    def died(self) -> bool:
        """Whether it ended, or never began, without having been told to stop."""
        return not (self.is_alive() or self._stopping.is_set())

    def stop(self) -> None:
        """End after the current tick."""
        self._stopping.set()

    def _waited(self, seconds: float) -> bool:
        """Wait for the next tick and move meanwhile what becomes due; whether to stop."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self._stopping.wait(min(left, self.fire())):
                return True
        return self._stopping.is_set()

    def fire(self) -> float:
        """Move what is due into the log; seconds until the next look at it. Never raises."""
        longest = conf().SWEEP_SECONDS
        try:
            return timers.pause_until_next(timers.fire(), longest)
        except BaseException as error:
            self._told(error)
        return longest

    def tick(self) -> bool:
        """One sweep and, now and then, a sign of life; whether to come back soon. Never raises."""
        more = False
        try:
            schedules.catch_up()
            lanes.create_missing(registry.processors.values())
            sweep()
            floors.note_settled()
            more = bulk.advance_all()
            watch.look()
            self._say_alive()
            self._each_minute()
            runner.look()
            more |= fold.tick()
            more |= judging.judge()
            current.keep()
        except BaseException as error:
            self._told(error)
            more = False
        return more

    def _told(self, error: BaseException) -> None:
        # This thread is the process's only way back after a fault: it must outlive all of them.
        if infrastructure.is_fault(error):
            telemetry.emit(telemetry.InfrastructureFault("", error))
        else:
            logger.error(
                "The sweep failed; it goes on in %s s.", conf().SWEEP_SECONDS, exc_info=error
            )
        connection.close()

    def _each_minute(self) -> None:
        now = clock.now()
        if now - self._minute_at >= _MINUTE:
            self._minute_at = now
            make_room()
            floors.mend()
            timers.forget_ended()
            retention.forget_ended()
            answers.forget_old()
            attempts.forget_old(posts.posting())
            foreign_spans.forget_old()
            silence.forget(signs_of_life.GONE)
            keeping.forget_finished()
            lanes.assign_again()
            _say_what_is_heard()

    def _say_alive(self) -> None:
        now = clock.now()
        if now - self._beat_at < signs_of_life.EVERY:
            return
        self._beat_at = now
        self._cut_off_since = (self._cut_off_since or now) if reach.fault() else None
        signs_of_life.say_alive(
            started_at=now - timedelta(seconds=time.monotonic() - self._began),
            per_second=self._signs.rate(),
            memory=memory(),
            cut_off_since=self._cut_off_since,
        )
        release.seen()
        shadow.remove_forgotten()


def _say_what_is_heard() -> None:
    if not subscriptions.say_again():
        lanes.forget_created()  # which writes it down with the next look


_sweeper: tuple[int, Sweeper] | None = None


def start() -> Sweeper:
    """Start this process's sweeper, once (again after a fork)."""
    global _sweeper
    if _sweeper is None or _sweeper[0] != os.getpid():
        _sweeper = (os.getpid(), Sweeper())
        try:
            _sweeper[1].start()
        except RuntimeError as error:  # no more threads
            _end_this_process(error)
    return _sweeper[1]


def stop() -> None:
    """Stop this process's sweeper, if it has one."""
    if _sweeper is not None and _sweeper[0] == os.getpid():
        _sweeper[1].stop()
        runner.stop()


def look_after_sweeper() -> None:
    """End this process if its sweeper has died: then nothing brings it back after a lost bell."""
    if _sweeper is not None and _sweeper[0] == os.getpid() and _sweeper[1].died:
        _end_this_process()


def _end_this_process(error: BaseException | None = None) -> None:
    """Say why, and end as SIGTERM does: the pool, or who started the worker, starts another."""
    logger.critical(
        "The sweeper of %s has died, so this process ends, to be replaced.",
        worker_name(),
        exc_info=error,
    )
    os.kill(os.getpid(), signal.SIGTERM)
