"""Time-outs of handlers: who runs for too long is stopped, and its attempt has failed.

A thread of its own watches the handlers that have one. When the time is up it cancels the
statement that the handler waits for, which leaves the connection usable. Half a second later it
raises :class:`HandlerTimedOut` in the handler's thread: by a signal in the main thread, which ends
sleeps, waits for sockets and endless regular expressions too, and elsewhere as soon as Python runs
there. What stays deaf for five seconds more (native code, somebody who swallows all errors) ends
with the whole process, once its attempt is written down; a thread of others is left behind, and
told.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from django.db import connections

from flowdeck.database import connection
from flowdeck.errors import HandlerTimedOut

logger = logging.getLogger("flowdeck")
RAISE_AFTER, END_AFTER = 0.5, 5.0  # seconds behind the time-out
_ALARM_AFTER = 1.0  # the same of the alarm that needs no other thread
_CANCEL_SECONDS = 2.0
TIMED_OUT = 70  # exit code: EX_SOFTWARE

Written = Callable[["Watched"], None]


@dataclass(eq=False, slots=True)
class Watched:
    """A handler that runs. ``expired``: its time was up before it ended."""

    where: str
    seconds: float
    thread: int
    database: Any
    write_down: Written | None
    until: float = field(init=False)
    over_at: float = field(init=False)
    stage: int = 0
    expired: bool = False
    ended: bool = False

    def __post_init__(self) -> None:
        """The first thing happens when the time is up."""
        self.until = self.over_at = time.monotonic() + self.seconds

    @property
    def error(self) -> HandlerTimedOut:
        """What its attempt failed with."""
        return timed_out(self.where, self.seconds)


def timed_out(where: str, seconds: float | None) -> HandlerTimedOut:
    """What the attempt of a handler failed with that took longer than so many ``seconds``."""
    return HandlerTimedOut(f"{where} was not done in {seconds or 0:g} s.")


class _Watchdog:
    """The thread, which lives as long as there is anybody to watch."""

    def __init__(self) -> None:
        self._watched: list[Watched] = []
        self._changed = threading.Condition()
        self._pid = 0

    def add(self, one: Watched) -> None:
        with self._changed:
            self._watched.append(one)
            if self._pid != os.getpid():  # threads do not survive a fork
                self._pid = os.getpid()
                self._watched = [one]
                threading.Thread(target=self._run, name="watchdog", daemon=True).start()
            self._changed.notify()

    def remove(self, one: Watched) -> None:
        with self._changed:  # so nothing is on its way to it afterwards
            if one in self._watched:
                self._watched.remove(one)

    def _run(self) -> None:
        with self._changed:
            while True:
                now = time.monotonic()
                for one in [each for each in self._watched if each.until <= now]:
                    self._next(one)
                nearest = min((each.until for each in self._watched), default=None)
                self._changed.wait(None if nearest is None else max(0.0, nearest - now))

    def _next(self, one: Watched) -> None:
        one.expired, one.stage = True, one.stage + 1
        try:
            _STAGES[one.stage - 1](one)
        except Exception:
            logger.exception("The time-out of %s could not be enforced.", one.where)
        one.until += (RAISE_AFTER, END_AFTER - RAISE_AFTER)[one.stage - 1] if one.stage < 3 else 0
        if one.stage >= 3:
            self._watched.remove(one)


def _cancel(one: Watched) -> None:
    """End the statement that it waits for, if it does; nothing else is at it now."""
    raw = one.database.connection
    if raw is None:
        return
    if one.database.vendor == "postgresql":
        raw.cancel_safe(timeout=_CANCEL_SECONDS)
    else:
        raw.interrupt()


def cut(one: Watched) -> None:
    """Cut its way to the database: the server rolls its transaction back."""
    raw = one.database.connection
    if raw is not None:
        with socket.socket(fileno=os.dup(raw.fileno())) as way:
            way.shutdown(socket.SHUT_RDWR)


def _raise(one: Watched) -> None:
    """Let its thread raise."""
    if one.thread == threading.main_thread().ident:
        signal.pthread_kill(one.thread, signal.SIGALRM)
    else:
        raise_in(one.thread, HandlerTimedOut)


def _end(one: Watched) -> None:
    """It hears nothing: end the process with it, or leave its thread behind."""
    main = one.thread == threading.main_thread().ident
    what = "this process ends" if main else "its thread is left behind"
    logger.critical("%s hangs and hears nothing, so %s.", one.where, what)
    try:
        if one.write_down is not None:
            one.write_down(one)
    except Exception:
        logger.exception("What became of %s could not be written down.", one.where)
    finally:
        connection.close()  # this thread's own
        if main:
            os._exit(TIMED_OUT)


_STAGES = (_cancel, _raise, _end)
_watchdog = _Watchdog()
_current: Watched | None = None  # in the main thread


@contextmanager
def watching(where: str, seconds: float | None, write_down: Written | None) -> Iterator[None]:
    """Let what runs in the block fail with HandlerTimedOut once it takes ``seconds``.

    ``write_down`` is called, from another thread, before the process ends for it.
    """
    global _current
    if seconds is None:
        yield
        return
    thread = threading.get_ident()
    main = thread == threading.main_thread().ident
    one = Watched(where, seconds, thread, connections[connection.alias], write_down)
    if main:
        _current = one
        before = signal.signal(signal.SIGALRM, _heard)
        # Native code that keeps all other threads from running may look for signals (as re does).
        signal.setitimer(signal.ITIMER_REAL, seconds + _ALARM_AFTER)
    _watchdog.add(one)
    try:
        try:
            yield
        finally:
            one.ended = True
    except BaseException as error:
        if one.expired and not (isinstance(error, HandlerTimedOut) and error.args):
            raise one.error from error
        raise
    finally:
        one.ended = True
        if not main:
            raise_in(thread, None)
        _watchdog.remove(one)
        if main:
            _current = None
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)


def _heard(number: int, frame: FrameType | None) -> None:
    one = _current
    if one is not None and not one.ended and time.monotonic() >= one.over_at:
        one.expired = True
        raise one.error


def raise_in(thread: int, error: type[BaseException] | None) -> None:
    """Let ``error`` be raised in a thread as soon as Python runs there; None takes it back."""
    what = ctypes.py_object(error) if error is not None else None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), what)
