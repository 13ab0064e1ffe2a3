"""``make bench-connect``: how much an outlet hands on, and an inlet takes in, per second.

One process, PostgreSQL that syncs to disk, real brokers beside it: Tansu for Kafka, RabbitMQ, and
the embedded Valkey. ``--count`` takes another number of events. The figures are left in
``benchmarks/connect.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from benchmarks import servers

GOALS = {
    "kafka_outlet_per_s": 25_000,
    "rabbitmq_per_s": 3_000,
    "redis_per_s": 10_000,
    "inlet_per_s": 8_000,
}
"""Figures, and how much each has to be at least."""
RESULTS = Path(__file__).with_name("connect.json")
_CHUNK = 1_000
_TYPE = "InventoryReplenished"


def main(arguments: list[str]) -> int:
    """Fill, measure, print."""
    parser = argparse.ArgumentParser(prog="make bench-connect", description=__doc__)
    parser.add_argument("--count", type=int, default=50_000)
    options = parser.parse_args(arguments)
    with servers.started() as running:
        os.environ |= {"DATABASE_URL": running.postgres, "REDIS_URL": running.redis}
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
        figures = _measured(options.count, running.redis)
    RESULTS.write_text(json.dumps(figures, indent=2) + "\n")
    for name, least in GOALS.items():
        met = "yes" if figures[name] >= least else "NO"
        print(f"{name:<24}{figures[name]:>8,.0f} of at least {least:>6,}  {met}")
    return int(any(figures[name] < least for name, least in GOALS.items()))


def _measured(count: int, redis_url: str) -> dict[str, float]:
    import django

    django.setup()
    from django.core.management import call_command

    from tests.flowdeck.connect.brokers import a_tansu
    from tests.rabbitmq import a_rabbitmq
    from tests.site import free_port

    call_command("migrate", verbosity=0)
    _fill(count)
    port = free_port()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fdc-")))
        stack.enter_context(a_tansu(folder, port, port))
        rabbit = stack.enter_context(a_rabbitmq(folder))
        return {
            "events": count,
            "kafka_outlet_per_s": _outlet(f"kafka://127.0.0.1:{port}"),
            "inlet_per_s": _inlet(f"kafka://127.0.0.1:{port}"),
            "rabbitmq_per_s": _outlet(f"amqp://127.0.0.1:{rabbit}//?declare=quorum"),
            "redis_per_s": _outlet(redis_url),
        }


def _fill(count: int) -> None:
    from events.domain_events import InventoryReplenished
    from flowdeck import Draft, publish

    for start in range(0, count, _CHUNK):
        publish(
            *[
                Draft(InventoryReplenished(sku=f"sku-{n % 500}", quantity=1), f"bench-{n % 500}")
                for n in range(start, min(start + _CHUNK, count))
            ]
        )


def _settings(url: str) -> None:
    from django.conf import settings
    from django.test.utils import override_settings

    override_settings(FLOWDECK={**settings.FLOWDECK, "BROKERS": {"bench": url}}).enable()


def _outlet(url: str) -> float:
    from flowdeck import outlet
    from flowdeck.connect import relay
    from flowdeck.models import Connector

    _settings(url)
    Connector.objects.all().delete()
    out = outlet("bench", broker="bench", to="bench", types=[_TYPE])
    return _rate(lambda: relay.run_once(out))


def _inlet(url: str) -> float:
    from flowdeck import Draft, inlet, parse
    from flowdeck.connect import intake
    from flowdeck.connect.mapping import inlets

    _settings(url)
    inlet("bench-in", broker="bench", source="bench", batch=100)(
        lambda message: Draft(parse(message.type, message.data), f"in-{message.subject}")
    )
    return _rate(lambda: intake.run_once(inlets["bench-in"]))


def _rate(move: Callable[[], int]) -> float:
    began = time.monotonic()
    moved = move()
    return moved / (time.monotonic() - began)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
