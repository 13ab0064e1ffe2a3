"""What is done to the system: one function per fault, all of them in one table.

A fault begins, lasts and is healed inside of its function; recovery counts from its return. What
differs from run to run (which worker, how long) is drawn from the seed.
"""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from drill.proxy import Proxy
from drill.settings import EXITS, LEASE_SECONDS
from drill.stack import Stack, wait_for

Draw = random.Random
_PAUSE = threading.Event()


@dataclass(frozen=True, slots=True)
class Fault:
    """``lease``: afterwards some lanes may have to wait until a dead worker's lease has ended.

    ``pooler``: there has to be one. ``web``: it is web that has to come back, not the workers.
    """

    name: str
    inject: Callable[[Stack, Draw], None]
    postgres: bool = False
    pooler: bool = False
    lease: bool = False
    web: bool = False


def wait(seconds: float) -> None:
    """Let the fault last."""
    _PAUSE.wait(seconds)


def kill_child(stack: Stack, draw: Draw) -> None:
    """``kill -9`` one process of a worker's pool."""
    children = draw.choice(stack.workers).children()
    if children:
        with contextlib.suppress(psutil.NoSuchProcess):
            draw.choice(children).kill()


def kill_parent(stack: Stack, draw: Draw) -> None:
    """``kill -9`` a worker's main process only."""
    draw.choice(stack.workers).kill_parent()


def kill_worker(stack: Stack, draw: Draw) -> None:
    """``kill -9`` a worker with its pool."""
    draw.choice(stack.workers).kill_group()


def kill_all_workers(stack: Stack, draw: Draw) -> None:
    """``kill -9`` all workers at once."""
    for worker in stack.workers:
        worker.kill_group()


def kill_web(stack: Stack, draw: Draw) -> None:
    """``kill -9`` the web process."""
    if stack.web is not None:
        stack.web.kill_group()


def freeze_child(stack: Stack, draw: Draw) -> None:
    """Stop one pool process past its lease, then let it go on where it was."""
    children = draw.choice(stack.workers).children()
    if children:
        with contextlib.suppress(psutil.NoSuchProcess):
            frozen = draw.choice(children)
            frozen.suspend()
            wait(LEASE_SECONDS + draw.uniform(1, 4))
            frozen.resume()


def freeze_worker(stack: Stack, draw: Draw) -> None:
    """Stop a whole worker past its leases, then let it go on."""
    worker = draw.choice(stack.workers)
    worker.freeze()
    wait(LEASE_SECONDS + draw.uniform(1, 4))
    worker.thaw()


def exit_handlers(stack: Stack, draw: Draw) -> None:
    """For a moment handlers call ``sys.exit()``, whichever thread or process they run in."""
    sign = stack.home / EXITS
    sign.touch()
    wait(draw.uniform(1, 2))
    sign.unlink()


def set_clock_ahead(stack: Stack, draw: Draw) -> None:
    """One worker is started with a clock an hour ahead, works for a while, and dies with it."""
    worker = draw.choice(stack.workers)
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    if library is None:
        raise SystemExit("A clock ahead needs libfaketime: apt-get install faketime")
    before = worker.starts
    # Only what is told to others is an hour ahead: time that passes passes as it does.
    worker.environment = {
        "LD_PRELOAD": str(library),
        "FAKETIME": "+1h",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    worker.kill_group()
    wait_for(lambda: worker.starts > before and worker.children(), "the worker ahead")
    wait(draw.uniform(5, 10))
    worker.environment = {}
    worker.kill_group()


def flush_redis(stack: Stack, draw: Draw) -> None:
    """Empty Redis, all bells included."""
    stack.direct_redis.flushall()


def stop_redis(stack: Stack, draw: Draw) -> None:
    """No Redis for 10 s; what it held is gone."""
    stack.redis.hold()
    wait(10)
    stack.redis.resume()


def freeze_redis(stack: Stack, draw: Draw) -> None:
    """Redis hangs: it takes connections and does not answer."""
    stack.redis.freeze()
    wait(draw.uniform(3, 8))
    stack.redis.thaw()


def cut_redis(stack: Stack, draw: Draw) -> None:
    """Reset every connection to Redis, and refuse new ones for a moment."""
    with _refusing(stack.redis_proxy):
        wait(draw.uniform(0, 2))


def swallow_redis(stack: Stack, draw: Draw) -> None:
    """Packets to and from Redis are lost for some seconds."""
    _swallow(stack.redis_proxy, draw)


def crash_postgres(stack: Stack, draw: Draw) -> None:
    """Stop PostgreSQL without a checkpoint and start it at once."""
    assert stack.postgres is not None
    stack.postgres.crash()
    stack.postgres.start()


def stop_postgres(stack: Stack, draw: Draw) -> None:
    """No PostgreSQL for some seconds."""
    assert stack.postgres is not None
    stack.postgres.crash()
    wait(draw.uniform(3, 7))
    stack.postgres.start()


def end_backends(stack: Stack, draw: Draw) -> None:
    """PostgreSQL ends about half of its sessions, whatever they are doing."""
    assert stack.postgres is not None
    stack.postgres.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND random() < 0.5"
    )


def end_idle_backends(stack: Stack, draw: Draw) -> None:
    """PostgreSQL ends the sessions that wait for their next statement, as a firewall would."""
    assert stack.postgres is not None
    stack.postgres.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND state = 'idle'"
    )


def restart_pooler(stack: Stack, draw: Draw) -> None:
    """``kill -9`` PgBouncer; it is started again at once."""
    assert stack.pooler is not None
    stack.pooler.kill_group()


def stop_pooler(stack: Stack, draw: Draw) -> None:
    """No PgBouncer for some seconds."""
    assert stack.pooler is not None
    stack.pooler.hold()
    wait(draw.uniform(2, 5))
    stack.pooler.resume()


def cut_postgres(stack: Stack, draw: Draw) -> None:
    """Reset every connection to PostgreSQL, and refuse new ones for a moment."""
    assert stack.postgres_proxy is not None
    with _refusing(stack.postgres_proxy):
        wait(draw.uniform(0, 2))


def swallow_postgres(stack: Stack, draw: Draw) -> None:
    """Packets to and from PostgreSQL are lost for some seconds."""
    assert stack.postgres_proxy is not None
    _swallow(stack.postgres_proxy, draw)


@contextlib.contextmanager
def _refusing(proxy: Proxy) -> Iterator[None]:
    proxy.refusing = True
    proxy.cut()
    try:
        yield
    finally:
        proxy.refusing = False


def _swallow(proxy: Proxy, draw: Draw) -> None:
    proxy.swallowing = True
    wait(draw.uniform(3, 8))
    if draw.random() < 0.5:  # a long partition ends with resets, a short one as if nothing was
        proxy.cut()
    proxy.swallowing = False


FAULTS = (
    Fault("kill -9 of a pool process", kill_child, lease=True),
    Fault("kill -9 of a worker's main process", kill_parent, lease=True),
    Fault("kill -9 of a worker", kill_worker, lease=True),
    Fault("kill -9 of all workers", kill_all_workers, lease=True),
    Fault("kill -9 of web", kill_web, web=True),
    Fault("pool process frozen past its lease", freeze_child),
    Fault("worker frozen past its lease", freeze_worker),
    Fault("handlers exit", exit_handlers),
    Fault("a worker's clock an hour ahead", set_clock_ahead, lease=True),
    Fault("FLUSHALL", flush_redis),
    Fault("Redis away for 10 s", stop_redis),
    Fault("Redis hangs", freeze_redis),
    Fault("connections to Redis cut", cut_redis),
    Fault("packets to Redis lost", swallow_redis),
    Fault("PostgreSQL crashed and started", crash_postgres, postgres=True, lease=True),
    Fault("PostgreSQL away", stop_postgres, postgres=True, lease=True),
    Fault("PostgreSQL ends half of its sessions", end_backends, postgres=True, lease=True),
    Fault("idle connections to PostgreSQL cut", end_idle_backends, postgres=True),
    Fault("PgBouncer killed and started", restart_pooler, pooler=True, lease=True),
    Fault("PgBouncer away", stop_pooler, pooler=True, lease=True),
    Fault("connections to PostgreSQL cut", cut_postgres, postgres=True, lease=True),
    Fault("packets to PostgreSQL lost", swallow_postgres, postgres=True, lease=True),
)


def sequence(draw: Draw, stack: Stack, named: str = "") -> Iterator[Fault]:
    """Faults that ``stack`` can have, for ever, in random order, each once before any comes again.

    Only those whose name holds one of the words of ``named``, which have commas between them.
    Raises ValueError if there are none.
    """
    words = named.split(",")
    chosen = [f for f in FAULTS if any(word in f.name for word in words)]
    possible = [
        f for f in chosen if (stack.postgres or not f.postgres) and (stack.pooler or not f.pooler)
    ]
    if not possible:
        raise ValueError(f"No fault is named {named!r}.")
    while True:
        yield from draw.sample(possible, len(possible))
