"""``python -m drill.replays [COUNT]``: replays killed at random moments under traffic, pooled.

PostgreSQL behind PgBouncer in transaction mode with few connections, so that whatever a run leaves
on one is soon somebody else's. Orders are placed and worked on all the time; rebuilds of the read
models are killed (kill -9). After each, what is live has to equal a rebuild. Exit code 1 if not.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg

from tests.pooler import a_pooler
from tests.run import a_postgresql, a_redis

_CONNECTIONS = 4
_LONGEST = 2.0  # seconds that a replay may get
_MODELS = ("orders", "stock", "sales")
_PREPARE = """
import django; django.setup()
from decimal import Decimal
from django.contrib.auth.models import User
from events import orders
from events.domain_events import InventoryReplenished
from events.models import Product
from flowdeck import publish
from flowdeck.testing import settle
from processors import gateway
Product.objects.create(sku="mug", name="Mug", price=Decimal("14.00"))
publish(InventoryReplenished(sku="mug", quantity=1_000_000), stream="product-mug")
customer = User.objects.create_user("customer")
gateway._take_time = lambda seconds: None
orders.place_many(customer, [([{"sku": "mug", "quantity": 1}], "")] * 300)
settle()
"""
_TRAFFIC = """
import os, sys, threading, django; django.setup()
from django.contrib.auth.models import User
from events import orders
from flowdeck.engine.drain import drain_all
from processors import gateway
gateway._take_time = lambda seconds: None
customer, n = User.objects.get(username="customer"), 0
ended = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
print("begun", flush=True)
print("begun", flush=True)
while not ended.is_set():
    orders.place_order(customer, [{"sku": "mug", "quantity": 1}], f"{os.getpid()}-{n}")
    n += 1
    drain_all(limit=50)
"""
_DIFFERING = """
import django; django.setup()
from flowdeck.replay import runs
from flowdeck.testing import settle
settle()
found = runs.compared(["orders", "stock", "sales"])
print(sum(model["differing"] for model in found), sum(model["rows"] for model in found))
"""


def main(count: int, seed: int) -> int:
    """Kill so many replays; how many times what is live differed."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="fdr-") as folder, ExitStack() as servers:
        database = servers.enter_context(a_postgresql())
        pooled = servers.enter_context(a_pooler(database, _CONNECTIONS))
        run = _Run(database, pooled, servers.enter_context(a_redis(Path(folder))), folder)
        run.python("manage.py", "migrate", "--verbosity", "0")
        run.python("-c", _PREPARE)
        wrong = 0
        for number in range(1, count + 1):
            after = chance.uniform(0.0, _LONGEST)
            ended = run.killed_replay(after)
            differing, rows = run.python("-c", _DIFFERING).split()
            wrong += differing != "0"
            print(
                f"{number}: {'had ended' if ended else 'killed'} {after:.2f} s after it began; "
                f"{differing} of {rows} rows differ",
                flush=True,
            )
        print(f"{count} replays, seed {seed}: {wrong} times what is live differed from a rebuild")
        return bool(wrong)


class _Run:
    """Processes of one run."""

    def __init__(self, database: str, pooled: str, redis: str, home: str) -> None:
        self._database = database
        self._environment = {
            **os.environ,
            "DATABASE_URL": pooled,
            "DATABASE_POOLER": "1",
            "REDIS_URL": redis,
            "FLOWDECK_HOME": home,
            "FLOWDECK_DEMO": "1",
            "DJANGO_SETTINGS_MODULE": "eda_site.settings",
            "LOG_LEVEL": "ERROR",
        }

    def python(self, *words: str) -> str:
        """Run to the end; what it wrote."""
        command = [sys.executable, *words]
        return subprocess.run(
            command, env=self._environment, check=True, stdout=subprocess.PIPE, text=True
        ).stdout

    def killed_replay(self, after: float) -> bool:
        """A rebuild under traffic, killed ``after`` seconds; whether it had ended before."""
        with self._traffic():
            before = self._schemas()
            words = [sys.executable, "manage.py", "replay", *_MODELS, "--rebuild"]
            replay = subprocess.Popen(
                words, env=self._environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            while self._schemas() <= before and replay.poll() is None:
                time.sleep(0.01)
            try:
                replay.wait(after)
                ended = True
            except subprocess.TimeoutExpired:
                replay.send_signal(signal.SIGKILL)
                replay.wait()
                ended = False
            time.sleep(1.0)  # of traffic on the connections that it had
        return ended

    def _schemas(self) -> int:
        """How many runs have begun that did not remove what they built."""
        with psycopg.connect(self._database) as connection:
            query = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'flowdeck_run_%'"
            found = connection.execute(query).fetchone()
        return int(found[0]) if found else 0

    @contextmanager
    def _traffic(self) -> Iterator[None]:
        """Orders for the length of the block."""
        traffic = subprocess.Popen(
            [sys.executable, "-c", _TRAFFIC],
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert traffic.stdout is not None
        traffic.stdout.readline()
        try:
            yield
        finally:
            traffic.communicate()
        if traffic.returncode:
            raise SystemExit(f"The traffic ended with {traffic.returncode}.")


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    sys.exit(main(number, int(os.environ.get("SEED", "7"))))
