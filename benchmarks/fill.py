"""Events and deliveries by the million, made by the database itself (PostgreSQL)."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

from benchmarks.flowdeck import Database

_STREAMS = """
INSERT INTO flowdeck_stream (name, head)
SELECT '{prefix}-' || n % {streams}, count(*) FROM generate_series(0, {count} - 1) AS n GROUP BY 1
"""
_EVENTS = """
INSERT INTO flowdeck_event (id, stream, sequence, type, version, data, metadata, key,
  correlation_id, causation_id, producer, occurred_at, recorded_at)
SELECT uuidv7(), '{prefix}-' || n % {streams}, n / {streams} + 1, '{type}', 1,
  jsonb_build_object('n', n), '{{}}', '{prefix}-' || n % {streams}, uuidv7(), NULL, 'bench',
  clock_timestamp(), clock_timestamp()
FROM generate_series(0, {count} - 1) AS n
"""
_PARTITIONS = """
SELECT flowdeck_partition(
  array(SELECT generate_series(0, max(position), 5000000) FROM flowdeck_event), 5000000)
"""
_DELIVERIES = """
WITH made AS (
  SELECT e.position, p.name, e.key, crc32(convert_to(e.key, 'UTF8')) %% 1024 AS slot,
    CASE WHEN {dead_first} AND e.sequence = 1 THEN 'dead' ELSE p.state END AS state, e.recorded_at
  FROM flowdeck_event e CROSS JOIN unnest(%s::text[], %s::text[]) AS p(name, state)
  WHERE e.stream LIKE '{prefix}-%%'
), due AS (
  INSERT INTO flowdeck_due (position, processor, key, slot, state, letter)
  SELECT position, name, key, slot, state,
    CASE state WHEN 'dead' THEN nextval('flowdeck_letter') END
  FROM made WHERE state <> 'done' ORDER BY position
)
INSERT INTO flowdeck_done (position, processor, attempts, started_at, finished_at)
SELECT position, name, 1, recorded_at, recorded_at
FROM made WHERE state = 'done' ORDER BY position
"""


@dataclass(frozen=True)
class Fill:
    """``count`` events of ``type`` over ``streams`` streams, each with one delivery of a state
    for each processor."""

    type: str
    processor: str
    count: int
    streams: int = 1000
    prefix: str = "fill"
    finished_for: int = 0  # how many more processors are done with each of them
    dead_first: bool = False  # the first delivery of each stream is a dead letter

    def into(self, database: Database) -> None:
        """Insert them."""
        values = {
            "prefix": self.prefix,
            "streams": self.streams,
            "type": self.type,
            "count": self.count,
            "dead_first": self.dead_first,
        }
        names = [self.processor, *(f"bench.done{n}" for n in range(self.finished_for))]
        states = ["pending", *["done"] * self.finished_for]
        with psycopg.connect(database.url) as connection:
            connection.execute(_STREAMS.format(**values))
            connection.execute(_EVENTS.format(**values))
            connection.execute(_PARTITIONS)
            connection.execute(_DELIVERIES.format(**values), [names, states])


def settle_statistics(database: Database) -> None:
    """What autovacuum does within its minute: tell the planner what is there."""
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")  # the filling is not what is measured
