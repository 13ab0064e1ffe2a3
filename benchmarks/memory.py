"""Memory of a worker process over a million deliveries: ``--memory``, since it takes minutes."""

from __future__ import annotations

import time

import psutil

from benchmarks.fill import Fill, settle_statistics
from benchmarks.flowdeck import Database, working
from benchmarks.profile import pool_processes
from benchmarks.stand import Numbers, Stand

_EARLY, _ALL = 50_000, 1_000_000
_PATIENCE = 600  # seconds
_DONE = "SELECT count(*) FROM events_delivery WHERE processor = 'bench.noop' AND state = 'done'"


def memory(stand: Stand) -> Numbers:
    """Resident memory of the larger pool process after 50,000 and after 1,000,000 deliveries."""
    with stand.postgresql.copied() as database:
        Fill("Pinged", "bench.noop", _ALL, 10_000).into(database)
        settle_statistics(database)
        with working(database):
            pool = [psutil.Process(pid) for pid in pool_processes()]
            return {
                "memory_50k": _when(database, _EARLY, pool),
                "memory_1m": _when(database, _ALL, pool),
            }


def _when(database: Database, count: int, pool: list[psutil.Process]) -> float:
    deadline = time.monotonic() + _PATIENCE
    while database.rows(_DONE)[0][0] < count:
        if time.monotonic() > deadline:
            raise SystemExit(f"{count} deliveries were not done in {_PATIENCE} s.")
        time.sleep(0.5)
    return max(process.memory_info().rss for process in pool) / 1e6
