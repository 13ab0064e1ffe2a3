"""``python -m benchmarks.partitioning``: what partitions would cost and save (PostgreSQL).

Copies of the event and delivery tables, partitioned by ranges of positions, beside the plain ones:
the shapes of the hot statements on both, and what it takes to be rid of the oldest quarter.
``docs/retention.md`` has the figures and what follows.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import psycopg

from benchmarks import servers
from benchmarks.fill import Fill, settle_statistics
from benchmarks.flowdeck import Template

_PARTS = 4
_TIMES = 50
_TABLES = ("flowdeck_event", "flowdeck_due")
# A statement of each kind; {e} and {d} are the tables, parameters what _TIMES runs vary.
_SHAPES = {
    "append 100 events": (
        "INSERT INTO {e} (position, id, stream, sequence, type, version, data, metadata, key, "
        "correlation_id, producer, occurred_at, recorded_at) SELECT nextval('spare'), uuidv7(), "
        "'new-' || %(n)s, g, 'T', 1, '{{}}', '{{}}', 'k', uuidv7(), 'p', now(), now() "
        "FROM generate_series(1, 100) g"
    ),
    "500 due deliveries with their events": (
        "SELECT d.position, e.data FROM {d} d JOIN {e} e ON e.position = d.position "
        "WHERE d.processor = 'bench.noop' AND d.state = 'pending' AND d.slot BETWEEN %(n)s * 10 "
        "AND %(n)s * 10 + 63 ORDER BY d.position LIMIT 500"
    ),
    "one stream": "SELECT * FROM {e} WHERE stream = 'fill-' || %(n)s ORDER BY sequence",
    "one event by id": "SELECT * FROM {e} WHERE id = (SELECT id FROM known WHERE n = %(n)s)",
    "newest 50 events": "SELECT * FROM {e} WHERE position < 900000 + %(n)s "
    "ORDER BY position DESC LIMIT 50",
}


def main(arguments: list[str]) -> int:
    """Fill, copy, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.partitioning")
    parser.add_argument("--events", type=int, default=1_000_000)
    count = parser.parse_args(arguments).events
    with servers.started() as running:
        database = Template(running, "postgresql").prepared()._original
        Fill("BenchNoop", "bench.noop", count, finished_for=2).into(database)
        with psycopg.connect(database.url, autocommit=True) as connection:
            for table in _TABLES:
                _partition(connection, table, count)
            connection.execute("CREATE SEQUENCE spare START 100000000")
            connection.execute(
                "CREATE TABLE known AS SELECT row_number() OVER () - 1 AS n, id FROM ("
                f"SELECT id FROM flowdeck_event ORDER BY position LIMIT {_TIMES}) AS first"
            )
            settle_statistics(database)
            for name, shape in _SHAPES.items():
                plain = _median(connection, shape.format(e=_TABLES[0], d=_TABLES[1]))
                parts = _median(
                    connection, shape.format(e=f"{_TABLES[0]}_parts", d=f"{_TABLES[1]}_parts")
                )
                print(f"{name:40} {plain:8.2f} ms {parts:8.2f} ms   x {parts / plain:.2f}")
            _be_rid_of_the_oldest(connection, count)
    return 0


def _partition(connection: psycopg.Connection, table: str, count: int) -> None:
    """A partitioned copy with the same indexes; unique ones need the position in them."""
    copy = f"{table}_parts"
    connection.execute(
        f"CREATE TABLE {copy} (LIKE {table} INCLUDING DEFAULTS INCLUDING IDENTITY) "
        "PARTITION BY RANGE (position)"
    )
    for part in range(_PARTS):
        first, last = 1 + part * count // _PARTS, 1 + (part + 1) * count // _PARTS
        connection.execute(
            f"CREATE TABLE {copy}_{part} PARTITION OF {copy} FOR VALUES FROM ({first}) TO ({last})"
        )
    connection.execute(f"CREATE TABLE {copy}_rest PARTITION OF {copy} DEFAULT")
    for name, text in connection.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s", [table]
    ).fetchall():
        head, _, columns = text.partition(" USING btree (")
        kept, close, rest = columns.partition(")")
        if "UNIQUE" in head and "position" not in kept:
            kept += ", position"
        head = head.replace(f" {name} ON", f" {name[:50]}_p ON").replace(f".{table}", f".{copy}")
        connection.execute(f"{head} USING btree ({kept}{close}{rest}")
    connection.execute(f"INSERT INTO {copy} OVERRIDING SYSTEM VALUE SELECT * FROM {table}")


def _median(connection: psycopg.Connection, statement: str) -> float:
    """Milliseconds of one run, the first of each parameter left out of the count."""

    def run(n: int) -> float:
        began = time.perf_counter()
        connection.execute(statement, {"n": n})
        return (time.perf_counter() - began) * 1000

    return statistics.median([run(n) for n in range(_TIMES)][5:])


def _be_rid_of_the_oldest(connection: psycopg.Connection, count: int) -> None:
    def seconds(work: Callable[[], object]) -> float:
        began = time.perf_counter()
        work()
        return time.perf_counter() - began

    def delete() -> None:
        connection.execute("SET session_replication_role = replica")  # past the triggers
        for table in reversed(_TABLES):
            connection.execute(f"DELETE FROM {table} WHERE position <= {count // _PARTS}")
            connection.execute(f"VACUUM {table}")

    def drop() -> None:
        for table in reversed(_TABLES):
            connection.execute(f"DROP TABLE {table}_parts_0")

    print(
        f"oldest quarter away: DELETE and VACUUM {seconds(delete):.1f} s, "
        f"DROP of a partition {seconds(drop):.2f} s"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
