"""Steps in a process of their own: ``python -m benchmarks.connect.steps STEP N``."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any
from unittest.mock import patch

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.test.utils import override_settings  # noqa: E402

from benchmarks.flow.events import Answered, Pinged  # noqa: E402
from flowdeck import Draft, inlet, outlet, parse, publish, spans  # noqa: E402
from flowdeck.connect import intake, lease, relay  # noqa: E402
from flowdeck.connect.mapping import inlets  # noqa: E402
from flowdeck.engine.drain import drain_all  # noqa: E402
from flowdeck.models import ApiToken  # noqa: E402
from flowdeck.people import tokens  # noqa: E402
from flowdeck.processes import collect_less_often  # noqa: E402

_CHUNK = 1_000
_KEYS = 500
_PARTITIONS = 4
_AT_A_TIME = 500


def fill(count: str) -> dict[str, float]:
    """A log of so many events of 500 keys, which nobody here handles."""
    for start in range(0, int(count), _CHUNK):
        publish(
            *[
                Draft(Answered(n=n), f"b-{n % _KEYS}")
                for n in range(start, min(start + _CHUNK, int(count)))
            ]
        )
    return {}


def _with_broker(url: str) -> None:
    override_settings(FLOWDECK={**settings.FLOWDECK, "BROKERS": {"bench": url}}).enable()


def hand_on(url: str, to: str, count: str) -> dict[str, float]:
    """All of the log by one relay, once it is connected."""
    if ".fifo" in to:
        _make_queue(url, to)
    _with_broker(url)
    out = outlet("bench", broker="bench", to=to, types=[Answered])
    relay.create(out)
    return _rate(relay.Relay(out, _taken("bench")), int(count))


def _taken(name: str) -> lease.Lease:
    found = lease.take(name)
    assert found is not None
    return found


def _make_queue(url: str, name: str) -> None:
    import boto3

    client = boto3.session.Session("key", "secret", region_name="eu-central-1").client(
        "sqs", endpoint_url=url.partition("endpoint=")[2]
    )
    client.create_queue(QueueName=name, Attributes={"FifoQueue": "true"})


def take_in(url: str, source: str, count: str) -> dict[str, float]:
    """All of a topic by one intake, a hundred messages a transaction, once it is connected."""
    _with_broker(url)
    inlet("bench-in", broker="bench", source=source, batch=100)(
        lambda message: Draft(parse(message.type, message.data), f"in-{message.subject}")
    )
    made = inlets["bench-in"]
    intake.create(made)
    return _rate(intake.Intake(made, _taken("bench-in")), int(count))


def _rate(work: lease.Work, count: int) -> dict[str, float]:
    collect_less_often()  # as workers do
    while not work.moved:
        work.step()
    first, began = work.moved, time.perf_counter()
    while work.moved < count:
        work.step()
    seconds = time.perf_counter() - began
    work.close()
    return {"rate": (count - first) / seconds}


def make_topic(url: str, topic: str) -> dict[str, float]:
    """Before anybody sends to it, who would make it in the broker's own way."""
    from confluent_kafka.admin import AdminClient, NewTopic

    admin = AdminClient({"bootstrap.servers": url.removeprefix("kafka://"), "log_level": 0})
    admin.create_topics([NewTopic(topic, _PARTITIONS, 1)])[topic].result()
    return {}


def listen(url: str, topic: str, count: str) -> dict[str, float]:
    """How long ago what comes was published, in milliseconds, without the first quarter's."""
    from confluent_kafka import Consumer, TopicPartition

    known = {"bootstrap.servers": url.removeprefix("kafka://"), "log_level": 0}
    consumer = Consumer({**known, "group.id": "bench"})
    consumer.assign([TopicPartition(topic, n, 0) for n in range(_PARTITIONS)])
    late: list[float] = []
    end = time.monotonic() + 120
    while len(late) < int(count) and time.monotonic() < end:
        message = consumer.poll(1.0)
        if message is not None and not message.error():
            late.append((time.time() - json.loads(message.value())["at"]) * 1000)
    consumer.close()
    if len(late) < int(count):
        raise SystemExit(f"Of {count} messages {len(late)} came.")
    ordered = sorted(late[len(late) // 4 :])
    return {"p50": ordered[len(ordered) // 2], "p99": ordered[int(len(ordered) * 0.99)]}


def scrapers_token() -> dict[str, Any]:
    """Of somebody who may see the processors."""
    return {"token": tokens.issue(User.objects.get(username="operator"), scope=ApiToken.Scope.READ)}


def telemetry_off(rounds: str) -> dict[str, float]:
    """Without an SDK, against the same without any of it."""
    return _in_turn(int(rounds), nullcontext, _without)


@contextmanager
def _without() -> Iterator[None]:
    with (
        patch.object(spans, "on", lambda: False),
        patch.object(spans, "publishing", lambda types: nullcontext("")),
        patch.object(spans, "handling", lambda deliveries: nullcontext()),
    ):
        yield


def telemetry_on(rounds: str) -> dict[str, float]:
    """With an SDK that records every tenth trace, against off."""
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
    from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio

    provider = TracerProvider(sampler=ParentBasedTraceIdRatio(0.1))
    provider.add_span_processor(BatchSpanProcessor(InMemorySpanExporter()))
    trace.set_tracer_provider(provider)
    return _in_turn(int(rounds), nullcontext, _without)


def _in_turn(
    rounds: int, one: Callable[[], object], other: Callable[[], object]
) -> dict[str, float]:
    """The median ratio of both rates of publishing and handling, each round one after the other."""
    _published_and_handled(0)
    ratios = []
    for number in range(1, rounds + 1):
        seconds = []
        for side in (one, other) if number % 2 else (other, one):
            with side():  # type: ignore[attr-defined]
                began = time.perf_counter()
                _published_and_handled(number)
                seconds.append(time.perf_counter() - began)
        first, second = seconds if number % 2 else reversed(seconds)
        ratios.append(second / first)
    return {"ratio": statistics.median(ratios)}


def _published_and_handled(number: int) -> None:
    for n in range(0, _AT_A_TIME, 10):
        publish(*[Draft(Pinged(n=i), f"t-{number}-{n + i}") for i in range(10)])
    drain_all()


STEPS: dict[str, Callable[..., dict[str, Any]]] = {
    step.__name__: step
    for step in (
        fill,
        hand_on,
        take_in,
        make_topic,
        listen,
        scrapers_token,
        telemetry_off,
        telemetry_on,
    )
}

if __name__ == "__main__":
    print(json.dumps(STEPS[sys.argv[1]](*sys.argv[2:])))
