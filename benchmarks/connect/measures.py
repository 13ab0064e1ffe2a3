"""What is measured, one function for what is measured together."""

from __future__ import annotations

import http.client
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import fill, sides
from benchmarks.flowdeck import Database, Template, running, working
from benchmarks.live.web import serving
from benchmarks.servers import Servers
from benchmarks.stand import Numbers
from tests.flowdeck.connect.brokers import a_nats, a_tansu, answers
from tests.polling import eventually
from tests.rabbitmq import a_rabbitmq
from tests.site import free_port

_FAUXQS = "fauxqs@1.9.2"
_PATIENCE = 300.0
_SCRAPE_PAUSE = 0.1  # seconds


@dataclass
class Bench:
    """What all measures share. ``folder`` is for what brokers write."""

    servers: Servers
    template: Template
    folder: Path
    quick: bool

    @classmethod
    @contextmanager
    def started(cls, servers: Servers, quick: bool) -> Iterator[Bench]:
        """With an empty Flowdeck."""
        with tempfile.TemporaryDirectory(prefix="fdc-") as folder:
            yield cls(servers, Template(servers, "postgresql").prepared(), Path(folder), quick)

    def amount(self, count: int) -> int:
        """``count``, or a tenth of it if it has to be quick."""
        return count // 10 if self.quick else count

    @contextmanager
    def kafka(self) -> Iterator[str]:
        """Its address."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            port = free_port()
            with a_tansu(Path(folder), port, port):
                yield f"kafka://127.0.0.1:{port}"


def _step(database: Database, name: str, *arguments: object) -> Numbers:
    return database.work(name, *arguments, of="benchmarks.connect.steps")


def kafka(bench: Bench) -> Numbers:
    """The log handed on to a topic by one relay, and taken in again by one intake."""
    count = max(20_000, bench.amount(50_000))  # some batches
    with bench.kafka() as url, bench.template.copied() as database:
        _step(database, "fill", count)
        out = _step(database, "hand_on", url, "bench", count)
        back = _step(database, "take_in", url, "bench", count)
    return {"events": float(count), "kafka_outlet_per_s": out["rate"], "inlet_per_s": back["rate"]}


def kafka_lag(bench: Bench) -> Numbers:
    """From before publish() to the consumer's hand, at 1,000 events a second."""
    seconds = 4 if bench.quick else 20
    with bench.kafka() as url, bench.template.copied() as database, ExitStack() as stack:
        _step(database, "make_topic", url, "bench")
        stack.enter_context(_relaying(database, url))
        with ThreadPoolExecutor(1) as other:
            heard = other.submit(_step, database, "listen", url, "bench", 1_000 * seconds)
            database.work("publish_steadily", 1_000, seconds)
            return {
                "kafka_lag_p99_ms": heard.result()["p99"],
                "kafka_lag_p50_ms": heard.result()["p50"],
            }


@contextmanager
def _relaying(database: Database, url: str) -> Iterator[None]:
    """An outlet of a process of its own follows the log."""
    command = [sys.executable, "manage.py", "flowdeck", "connectors", "run", "bench"]
    with running(command, {**database.environment(), "BENCH_OUTLET": url}):
        eventually(
            lambda: database.rows("SELECT 1 FROM flowdeck_connector WHERE token IS NOT NULL")
        )
        yield


def rabbitmq(bench: Bench) -> Numbers:
    """To a quorum queue, with confirms under way."""
    with a_rabbitmq(bench.folder) as port:
        return {
            "rabbitmq_per_s": _outlet(bench, f"amqp://127.0.0.1:{port}//?declare=quorum", 20_000)
        }


def nats(bench: Bench) -> Numbers:
    """To a JetStream."""
    folder = bench.folder / "nats"
    folder.mkdir()
    with a_nats(folder) as broker:
        broker.prepare("bench")
        return {"nats_per_s": _outlet(bench, broker.direct, 50_000)}


def redis(bench: Bench) -> Numbers:
    """To a stream of Valkey."""
    return {"redis_per_s": _outlet(bench, bench.servers.redis, 50_000)}


def sqs(bench: Bench) -> Numbers:
    """To a FIFO queue of fauxqs, in calls of ten."""
    npx = shutil.which("npx")
    if npx is None:
        print("sqs_per_s was not measured: there is no npx.")
        return {}
    port = free_port()
    environment = {"FAUXQS_PORT": str(port), "FAUXQS_LOGGER": "false"}
    with running([npx, "--yes", _FAUXQS], {**os.environ, **environment}):
        eventually(lambda: answers(port), within=_PATIENCE)
        url = f"sqs://key:secret@eu-central-1?endpoint=http://127.0.0.1:{port}"
        return {"sqs_per_s": _outlet(bench, url, 5_000, to="bench.fifo")}


def _outlet(bench: Bench, url: str, count: int, to: str = "bench") -> float:
    with bench.template.copied() as database:
        count = bench.amount(count)
        _step(database, "fill", count)
        return _step(database, "hand_on", url, to, count)["rate"]


def workflow(bench: Bench) -> Numbers:
    """The order workflow at full load of all cores, with an outlet of all events and without."""
    orders, rates = bench.amount(2_000), {}
    found = []
    for _ in range(1 if bench.quick else 3):
        for outlet in (False, True):
            with bench.kafka() as url, bench.template.copied() as database:
                database.work("place_orders", orders)
                fill.settle_statistics(database)
                with working(database, BENCH_OUTLET=url if outlet else "") as started:
                    rates[outlet] = database.wait_drained(started, int(_PATIENCE)).rate
        found.append(rates[True] / rates[False])
    return {
        "workflow_with_outlet_ratio": statistics.median(found),
        "workflow_with_outlet_per_s": rates[True],
    }


def confirmed(bench: Bench) -> Numbers:
    """From an order to its confirmation, at 500 orders a second, with an outlet and without."""
    seconds, found = (2 if bench.quick else 10), {}
    for outlet in (False, True):
        with bench.kafka() as url, bench.template.copied() as database:
            with working(database, BENCH_OUTLET=url if outlet else ""):
                time.sleep(3)  # workers start, connect and are idle
                with ThreadPoolExecutor(2) as customers:
                    for one in [
                        customers.submit(database.work, "order_steadily", 250, seconds, name)
                        for name in ("a", "b")
                    ]:
                        one.result()
                database.wait_drained(0, int(_PATIENCE))
            found[outlet] = sides.confirmed_p99(database)
    return {
        "confirmed_p99_with_outlet_ratio": found[True] / found[False],
        "confirmed_p99_ms": found[False],
    }


def telemetry(bench: Bench) -> Numbers:
    """Publishing and handling with OpenTelemetry off, against the same without any of it; and with
    a tenth of all traces recorded, against off. Both in turn, in one process."""
    rounds = bench.amount(60)
    with bench.template.copied() as database:
        off = _step(database, "telemetry_off", rounds)["ratio"]
    with bench.template.copied() as database:
        on = _step(database, "telemetry_on", rounds)["ratio"]
    return {"otel_off_ratio": off, "otel_on_ratio": on}


def metrics(bench: Bench) -> Numbers:
    """A scrape of ``/metrics`` with a million events, while orders are placed and handled."""
    bench.servers.execute("CREATE DATABASE scraped")
    database = Database(bench.servers.database("scraped"), bench.servers)
    database.work("seed_log", bench.amount(1_000_000))
    fill.settle_statistics(database)
    token = str(_step(database, "scrapers_token")["token"])
    seconds = 4 if bench.quick else 20
    with serving(database) as port, working(database), ThreadPoolExecutor(1) as customer:
        time.sleep(3)  # workers start, connect and are idle
        placing = customer.submit(database.work, "order_steadily", 50, seconds)
        took = []
        while not placing.done():
            took.append(_scraped(port, token))
            time.sleep(_SCRAPE_PAUSE)
        placing.result()
    ordered = sorted(took)
    return {
        "scrape_p95_ms": ordered[int(len(ordered) * 0.95)],
        "scrape_p50_ms": ordered[len(ordered) // 2],
    }


def _scraped(port: int, token: str) -> float:
    """Milliseconds to the last byte."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    began = time.perf_counter()
    line.request("GET", "/metrics", headers={"Authorization": f"Bearer {token}"})
    answer = line.getresponse()
    answer.read()
    milliseconds = (time.perf_counter() - began) * 1000
    line.close()
    if answer.status != 200:
        raise SystemExit(f"/metrics answered {answer.status}.")
    return milliseconds


MEASURES: list[tuple[tuple[str, ...], Callable[[Bench], Numbers]]] = [
    (("kafka_outlet_per_s", "inlet_per_s"), kafka),
    (("kafka_lag_p99_ms",), kafka_lag),
    (("rabbitmq_per_s",), rabbitmq),
    (("nats_per_s",), nats),
    (("redis_per_s",), redis),
    (("sqs_per_s",), sqs),
    (("workflow_with_outlet_ratio",), workflow),
    (("confirmed_p99_with_outlet_ratio",), confirmed),
    (("otel_off_ratio", "otel_on_ratio"), telemetry),
    (("scrape_p95_ms",), metrics),
]
"""By the figures that each gives."""
