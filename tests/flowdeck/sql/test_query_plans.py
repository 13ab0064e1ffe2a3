"""The hot statements find their rows by index, however many there are.

Real work is done on tables of realistic size, and PostgreSQL's own statistics say how often it read
one of them from end to end. How much of an index a statement reads, `make bench ARGS="--only
backlog_vs_empty"` tells.
"""

from __future__ import annotations

import pytest
from django.db import connection

from flowdeck import publish
from flowdeck.declare.event import Draft
from flowdeck.declare.registry import registry
from flowdeck.engine import drain, sweep
from tests.probe.events import Probed

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.postgres,
]

KEYS, EVENTS = 5_000, 20_000
_EVENTS = f"""
INSERT INTO flowdeck_event (id, stream, sequence, type, version, data, metadata, key,
  correlation_id, producer, occurred_at, recorded_at)
SELECT gen_random_uuid(), 'plan-' || n % {KEYS}, n / {KEYS} + 1, 'Probed', 1, '{{}}', '{{}}',
  'plan-' || n % {KEYS}, gen_random_uuid(), 'test', now(), now()
FROM generate_series(0, {EVENTS} - 1) AS n
"""
# Mostly finished; some keys dead with followers parked behind them, the newest tenth waiting.
_DELIVERIES = """
WITH state AS (
  SELECT position, p.name, key, CASE WHEN sequence = 4 AND position %% 2 = 0 THEN 'pending'
    WHEN sequence = 3 AND position %% 100 = 0 THEN 'dead' ELSE 'done' END AS state
  FROM flowdeck_event, unnest(%s::text[]) AS p(name) WHERE stream LIKE 'plan-%%'
), due AS (
  INSERT INTO flowdeck_due (position, processor, key, slot, state, attempts, letter)
  SELECT position, name, key, abs(hashtext(key)) %% 1024, state, 1,
    CASE state WHEN 'dead' THEN nextval('flowdeck_letter') END
  FROM state WHERE state <> 'done'
)
INSERT INTO flowdeck_done (position, processor, attempts)
SELECT position, name, 1 FROM state WHERE state = 'done'
"""
_HEADS = f"INSERT INTO flowdeck_stream SELECT 'plan-' || n, 4 FROM generate_series(0, {KEYS - 1}) n"
PROCESSORS = ["probe.atomic", "probe.batch", "probe.leased", "probe.skipping", "probe.tally"]


@pytest.fixture
def filled() -> None:
    with connection.cursor() as cursor:
        cursor.execute(_HEADS)
        cursor.execute(_EVENTS)
        cursor.execute(_DELIVERIES, [PROCESSORS])
        cursor.execute("ANALYZE")


def sequential_scans() -> int:
    """How often PostgreSQL has read events or deliveries from end to end, functions included."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT sum(seq_scan) FROM pg_stat_user_tables "
            "WHERE relname IN ('flowdeck_event', 'flowdeck_due') OR relname LIKE 'flowdeck_done%'"
        )
        return int(cursor.fetchone()[0])


def rows_by_index() -> int:
    """How many entries of the indexes of events and deliveries PostgreSQL has read."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT sum(idx_tup_read) FROM pg_stat_user_indexes "
            "WHERE relname IN ('flowdeck_event', 'flowdeck_due') OR relname LIKE 'flowdeck_done%'"
        )
        return int(cursor.fetchone()[0])


@pytest.mark.parametrize("name", ["probe.atomic", "probe.skipping"])
def test_a_drain_reads_about_what_is_due_from_the_indexes(filled: None, name: str) -> None:
    """An index read from end to end, for its order, is no sequential scan, and as slow as one."""
    processor = registry.processor(name)
    drain.drain(processor, seconds=0.0)
    before = rows_by_index()
    settled = drain.drain(processor, seconds=60.0)  # until nothing is due
    assert 0 < rows_by_index() - before < 30 * settled


def test_publishing_draining_and_sweeping_scan_neither_events_nor_deliveries(filled: None) -> None:
    before = sequential_scans()
    publish(*[Draft(Probed(n=n), stream=f"plan-{n}") for n in range(100)])
    assert set(sweep.due_processors()) >= set(PROCESSORS)
    for name in PROCESSORS:
        assert drain.drain(registry.processor(name), seconds=0.3) > 0
    assert sequential_scans() == before
    with connection.cursor() as cursor:  # a statement without an index would have been noticed
        cursor.execute("SELECT count(*) FROM flowdeck_delivery WHERE attempts = 1")
    assert sequential_scans() > before
