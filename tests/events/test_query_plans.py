"""The hot statements find their rows by index, however many there are.

Real work is done on tables of realistic size, and whatever statement it sent is explained. Only
sequential scans are looked for: how much of an index a statement reads, `make bench ARGS="--only
backlog_vs_empty"` tells.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from events import drain, publish, sweep
from events.event import Draft
from events.registry import registry
from tests.probe.events import Probed

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.postgres,
]

KEYS, EVENTS = 5_000, 20_000
_EVENTS = f"""
INSERT INTO events_event (id, stream, sequence, type, version, data, metadata, key,
  correlation_id, producer, occurred_at, recorded_at)
SELECT gen_random_uuid(), 'plan-' || n % {KEYS}, n / {KEYS} + 1, 'Probed', 1, '{{}}', '{{}}',
  'plan-' || n % {KEYS}, gen_random_uuid(), 'test', now(), now()
FROM generate_series(0, {EVENTS} - 1) AS n
"""
# Mostly finished; some keys dead with followers parked behind them, the newest tenth waiting.
_DELIVERIES = """
INSERT INTO events_delivery (position, processor, key, slot, state, attempts)
SELECT position, p.name, key, abs(hashtext(key)) %% 1024,
  CASE WHEN sequence = 4 AND position %% 2 = 0 THEN 'pending'
       WHEN sequence = 3 AND position %% 100 = 0 THEN 'dead' ELSE 'done' END, 1
FROM events_event, unnest(%s::text[]) AS p(name) WHERE stream LIKE 'plan-%%'
"""
_HEADS = f"INSERT INTO events_stream SELECT 'plan-' || n, 4 FROM generate_series(0, {KEYS - 1}) n"
PROCESSORS = ["probe.atomic", "probe.batch", "probe.leased", "probe.skipping", "probe.tally"]


@pytest.fixture
def filled() -> None:
    with connection.cursor() as cursor:
        cursor.execute(_HEADS)
        cursor.execute(_EVENTS)
        cursor.execute(_DELIVERIES, [PROCESSORS])
        cursor.execute("ANALYZE")


@contextmanager
def recorded() -> Iterator[list[tuple[str, Any]]]:
    """The statements on events and deliveries that the block sends."""
    sent: list[tuple[str, Any]] = []

    def record(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if not many and ("events_event" in sql or "events_delivery" in sql):
            sent.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(record):
        yield sent


def scanned(sql: str, params: Any) -> list[str]:
    """The tables of the log that a statement would read from end to end."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
        found = cursor.fetchone()[0]
    return list(_scans(json.loads(found) if isinstance(found, str) else found))


def _scans(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for one in node:
            yield from _scans(one)
    elif isinstance(node, dict):
        if node.get("Node Type") == "Seq Scan" and node["Relation Name"] in LOG:
            yield node["Relation Name"]
        yield from _scans([value for value in node.values() if isinstance(value, (list, dict))])


LOG = ("events_event", "events_delivery")


def test_publishing_draining_and_sweeping_scan_neither_events_nor_deliveries(filled: None) -> None:
    with recorded() as sent:
        publish(*[Draft(Probed(n=n), stream=f"plan-{n}") for n in range(100)])
        assert set(sweep.due_processors()) >= set(PROCESSORS)
        for name in PROCESSORS:
            assert drain.drain(registry.processor(name), seconds=0.3) > 0
    assert len({sql for sql, _ in sent}) >= 5  # append, sweep, claim, fetch, mark
    assert {sql: found for sql, params in sent if (found := scanned(sql, params))} == {}
    # and a statement without an index would have been noticed:
    assert scanned("SELECT FROM events_delivery WHERE attempts = %s", [1]) == ["events_delivery"]
