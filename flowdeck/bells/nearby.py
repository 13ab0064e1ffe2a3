"""Bells within one process: development without Redis, a broker and Celery.

The worker of ``manage.py runserver`` (``FLOWDECK["IN_PROCESS_WORKER"]``) waits here for what is to
be done. Where none listens, nobody is rung for: its sweep finds the work within a second.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Errand:
    """The name of a task, and what it is about."""

    task: str
    argument: str | int


class Porch:
    """What was rung for and not yet taken up; each errand once, the first first."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: dict[Errand, None] = {}
        self._listening = False

    def listen(self) -> None:
        """From now on somebody takes errands up."""
        self._listening = True

    def ring(self, errands: Iterable[Errand]) -> bool:
        """Let them wait to be taken up. Returns whether anybody listens in this process."""
        if self._listening:
            with self._changed:
                self._waiting.update(dict.fromkeys(errands))
                self._changed.notify_all()
        return self._listening

    def take(self, seconds: float) -> Errand | None:
        """The next errand; None if none came within ``seconds``."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._waiting, seconds):
                return None
            first = next(iter(self._waiting))
            del self._waiting[first]
            return first


porch = Porch()
