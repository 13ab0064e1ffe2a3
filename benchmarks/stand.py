"""What all sides share: the servers, the databases to copy, and how much to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property

from benchmarks import profile
from benchmarks.flowdeck import Database, Template
from benchmarks.servers import Servers

Numbers = dict[str, float]


class Stand:
    """Made once per call of ``make bench``."""

    def __init__(self, servers: Servers, quick: bool = False, profiled: bool = False) -> None:
        self.servers, self.quick, self.profiled = servers, quick, profiled
        self._filled: dict[str, Template] = {}

    def amount(self, count: int) -> int:
        """``count``, or a quarter of it if it has to be quick."""
        return count // 4 if self.quick else count

    @cached_property
    def postgresql(self) -> Template:
        """An empty Flowdeck on PostgreSQL."""
        return Template(self.servers, "postgresql").prepared()

    @cached_property
    def sqlite(self) -> Template:
        """An empty Flowdeck on SQLite."""
        return Template(self.servers, "sqlite").prepared()

    def filled(self, name: str, fill: Callable[[Database], None]) -> Template:
        """A Flowdeck with something in it, filled once."""
        if name not in self._filled:
            self._filled[name] = self.postgresql.filled(f"filled_{name}", fill)
        return self._filled[name]

    @contextmanager
    def profile(self, name: str) -> Iterator[None]:
        """Profile the workers that were just started, if asked to."""
        with profile.recorded(name, self.profiled):
            yield
