"""Bells as messages: written once, sent by Kombu or together with the de-bounce.

Asking Redis whether a bell rings already, and then having Kombu send, are two round trips and most
of the time that a lone event waits. Where the broker is the same Redis, one script does both.
"""

from __future__ import annotations

import base64
import os
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

import kombu.exceptions
import kombu.pools
import orjson
from celery import current_app
from uuid_utils import uuid7

from flowdeck.bells.line import packed
from flowdeck.conf import conf

_CONNECTIONS = 10
_SCHEMES = ("redis", "rediss", "unix", "redis+socket")

# KEYS: the bells and, last, the queue; ARGV: milliseconds until a bell stops, and the messages.
_RING = """
for n = 1, #KEYS - 1 do
  if redis.call('SET', KEYS[n], 1, 'NX', 'PX', ARGV[1]) then
    redis.call('LPUSH', KEYS[#KEYS], ARGV[n + 1])
  end
end
"""


def send(task: str, argument: str | int, timeout: float) -> None:
    """Have Kombu send a message for ``task``. Raises OSError or what its transport raises."""
    queue, headers, body = _message(task, argument)
    number = str(uuid7())
    try:
        with _producers(os.getpid()).acquire(block=True, timeout=timeout) as producer:
            producer.publish(
                body,
                headers={**headers, "id": number, "root_id": number},
                correlation_id=number,
                exchange="",
                routing_key=queue.name,
                declare=[queue],
                serializer="json",
                delivery_mode=1,
                retry=False,
            )
    except kombu.exceptions.KombuError as error:
        raise ConnectionError(str(error)) from error


def unless_set(
    keys: tuple[str, ...], milliseconds: int, task: str, arguments: tuple[str, ...]
) -> bytes:
    """The command for Redis that sets each key that is not set, and then sends its message.

    Needs :func:`shares_broker`. The whole script goes along, so that no restart can forget it.
    """
    command = _unless_set(keys, milliseconds, task, arguments)
    for place in map(_place_for_number, range(len(arguments))):
        command = command.replace(place.encode(), str(uuid7()).encode())
    return command


@lru_cache(maxsize=1000)
def _unless_set(
    keys: tuple[str, ...], milliseconds: int, task: str, arguments: tuple[str, ...]
) -> bytes:
    queue = _message(task, arguments[0])[0].name
    messages = [_written(task, one, _place_for_number(n)) for n, one in enumerate(arguments)]
    return packed("EVAL", _RING, len(keys) + 1, *keys, queue, milliseconds, *messages)


def _place_for_number(n: int) -> str:
    """What stands for the number of the n-th message; as long as a number, so that lengths fit."""
    return f"number-{n:029}"


@lru_cache(maxsize=4)
def shares_broker(url: str) -> bool:
    """Whether the broker is the Redis at ``url``, used in the plain way."""
    app = current_app.conf
    plain = "global_keyprefix" not in app.broker_transport_options
    return plain and _place(url) == _place(app.broker_write_url or app.broker_url) is not None


def credentials_differ(url: str) -> bool:
    """Whether the broker is the Redis at ``url``, and only one of the two gives a password."""
    broker = current_app.conf.broker_write_url or current_app.conf.broker_url
    if _place(url) != _place(broker) or _place(url) is None:
        return False
    return _has_password(url) != _has_password(broker)


def _has_password(url: str) -> bool:
    parts = urlsplit(url)
    return bool(parts.password) or "password" in parse_qs(parts.query)


def _place(url: str) -> tuple[str, ...] | None:
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES or ";" in url:
        return None
    query = parse_qs(parts.query)
    if parts.hostname:
        database = (query.get("db") or [parts.path.strip("/") or "0"])[0]
        return parts.hostname, str(parts.port or 6379), database
    return parts.path, (query.get("db") or query.get("virtual_host") or ["0"])[0].strip("/")


@lru_cache(maxsize=1000)
def _message(task: str, argument: str | int) -> tuple[Any, dict[str, Any], Any]:
    # A bell says the same each time but for its number; send_task() would build it anew, which
    # takes as long as sending it.
    message = current_app.amqp.as_task_v2("", task, (argument,), {}, ignore_result=True)
    return queue_of(task), message.headers, message.body


def queue_of(task: str) -> Any:
    """The queue that ``task`` is sent to."""
    amqp, chosen = current_app.amqp, conf().QUEUE
    return amqp.queues[chosen] if chosen else amqp.router.route({}, task)["queue"]


def _written(task: str, argument: str, number: str) -> str:
    """The message as Kombu puts it into a list of Redis."""
    queue, headers, body = _message(task, argument)
    properties = {
        "correlation_id": number,
        "delivery_mode": 1,
        "priority": 0,
        "body_encoding": "base64",
        "delivery_info": {"exchange": "", "routing_key": queue.name},
        "delivery_tag": number,
    }
    message = {
        "body": base64.b64encode(orjson.dumps(body)).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {**headers, "id": number, "root_id": number},
        "properties": properties,
    }
    return orjson.dumps(message).decode()


@lru_cache(maxsize=1)
def _producers(pid: int) -> kombu.pools.ProducerPool:
    """Producers of this process that give up at once, unlike Celery's own, which wait and retry."""
    connection = current_app.connection_for_write()
    connection.transport_options = {
        **connection.transport_options,
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0,
        "interval_max": 0,
    }
    return kombu.pools.ProducerPool(connection.Pool(limit=_CONNECTIONS), limit=_CONNECTIONS)
