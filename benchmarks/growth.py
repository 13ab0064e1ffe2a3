"""How fast deliveries go when there are many others: for :mod:`benchmarks.sides`.

Each side drains no-effect handlers for a few seconds; only what else is in the tables differs.
"""

from __future__ import annotations

from benchmarks.fill import Fill, settle_statistics
from benchmarks.flowdeck import Database, Template, working
from benchmarks.stand import Numbers, Stand

_SECONDS = 5.0
_GOOD = Fill("Pinged", "bench.noop", 150_000)


def empty(stand: Stand) -> Numbers:
    """Nothing else: 150,000 waiting of 1,000 keys."""
    return _drained(stand, "empty", _GOOD)


def backlog(stand: Stand) -> Numbers:
    """1,000,000 waiting and 5,000,000 finished of five other processors."""
    return _rate(with_backlog(stand), "backlog")


def with_backlog(stand: Stand) -> Template:
    """A Flowdeck with that in it."""
    waiting = Fill("Pinged", "bench.noop", stand.amount(1_000_000), 10_000, finished_for=5)
    return _filled(stand, "backlog", waiting)


def hot_key(stand: Stand) -> Numbers:
    """100,000 waiting, all of one key."""
    return _drained(stand, "hot_key", Fill("Pinged", "bench.noop", 100_000, streams=1))


def dead_keys(stand: Stand) -> Numbers:
    """10,000 keys with a dead letter and five parked followers each; as many good ones behind."""
    parked = Fill("Pinged", "bench.noop", 60_000, 10_000, "dead", dead_first=True)
    return _drained(stand, "dead_keys", parked, _GOOD)


def _drained(stand: Stand, name: str, *fills: Fill) -> Numbers:
    return _rate(_filled(stand, name, *fills), name)


def _filled(stand: Stand, name: str, *fills: Fill) -> Template:
    def fill(database: Database) -> None:
        for one in fills:
            one.into(database)
        settle_statistics(database)

    return stand.filled(name, fill)


def _rate(template: Template, name: str) -> Numbers:
    with template.copied() as database, working(database) as started:
        return {name: database.drained_in(started, _SECONDS).rate}
