"""``manage.py flowdeck drain``: work from the database alone, without Redis or Celery."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from flowdeck.declare.registry import registry
from flowdeck.engine import drain, sweep
from flowdeck.engine.faults import Interrupted
from flowdeck.history import fold
from flowdeck.words import counted


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C end the command: a plain KeyboardInterrupt would be a failure of the handler."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise Interrupted

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class Command(BaseCommand):
    """Work off what is due; with ``--loop`` go on until interrupted."""

    help = "Work off due deliveries in this process, from the database alone."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("processors", nargs="*", help="names (default: all)")
        parser.add_argument("--loop", action="store_true", help="go on until interrupted")

    def handle(self, *, processors: list[str], loop: bool, **options: Any) -> None:
        """Run the command."""
        with _interruptible():
            self._drain(processors, loop)

    def _drain(self, processors: list[str], loop: bool) -> None:
        chosen = [registry.processor(name) for name in processors or sorted(registry.processors)]
        settled = sum(drain.drain(processor) for processor in chosen)
        while settled and not loop:
            count = sum(drain.drain(processor) for processor in chosen)
            settled += count
            if not count:
                break
        fold.catch_up()
        self.stdout.write(f"{counted(settled, 'delivery', 'deliveries')} settled")
        if loop:
            sweep.run_without_bells([processor.name for processor in chosen])
