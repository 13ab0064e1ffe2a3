"""PostgreSQL: how the database itself is doing."""

from __future__ import annotations

from django.db.backends.utils import CursorWrapper

from flowdeck.sql.health import Health, Holder, Table

# Whoever holds the oldest snapshot keeps vacuum from removing what was deleted since: sessions,
# prepared transactions, replication slots and what replicas read.
_HOLDER = """
SELECT kind, who, program, address, pid, state, since, age FROM (
  SELECT 'session' AS kind, usename::text AS who, application_name AS program,
    host(client_addr) AS address, pid, state, xact_start AS since,
    greatest(age(backend_xmin), age(backend_xid)) AS age
  FROM pg_stat_activity
  WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND coalesce(backend_xmin, backend_xid) IS NOT NULL AND backend_type <> 'autovacuum worker'
  UNION ALL
  SELECT 'prepared transaction', owner::text, gid, NULL, NULL, NULL, prepared, age(transaction)
  FROM pg_prepared_xacts WHERE database = current_database()
  UNION ALL
  SELECT 'replication slot', slot_name::text, plugin::text, NULL, active_pid, wal_status, NULL,
    greatest(age(xmin), age(catalog_xmin))
  FROM pg_replication_slots WHERE coalesce(xmin, catalog_xmin) IS NOT NULL
  UNION ALL
  SELECT 'replica', usename::text, application_name, host(client_addr), pid, state, NULL,
    age(backend_xmin)
  FROM pg_stat_replication WHERE backend_xmin IS NOT NULL
) AS holding
ORDER BY age DESC NULLS LAST, since NULLS LAST LIMIT 1
"""

# Partitions count as the table that they are parts of.
_TABLES = """
SELECT coalesce(parent.relname, c.relname)::text AS name,
  sum(pg_total_relation_size(c.oid))::bigint, sum(s.n_live_tup)::bigint, sum(s.n_dead_tup)::bigint,
  max(greatest(s.last_vacuum, s.last_autovacuum))
FROM pg_class c
  JOIN pg_stat_user_tables s ON s.relid = c.oid
  LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
  LEFT JOIN pg_class parent ON parent.oid = i.inhparent
WHERE c.relkind = 'r' AND c.relnamespace = (
    SELECT relnamespace FROM pg_class WHERE oid = 'flowdeck_event'::regclass)
  AND coalesce(parent.relname, c.relname) LIKE 'flowdeck\\_%%'
GROUP BY 1 ORDER BY 2 DESC
"""

_ROOM = """
SELECT max(substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \\(''?(\\d+)')::bigint)
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'flowdeck_done'::regclass
"""


def holder(cursor: CursorWrapper) -> Holder | None:
    """See Database."""
    cursor.execute(_HOLDER, [])
    found = cursor.fetchone()
    return Holder(*found[:-1]) if found else None


def size(cursor: CursorWrapper) -> int:
    """See Database."""
    cursor.execute("SELECT pg_database_size(current_database())")
    return int(cursor.fetchone()[0])


def health(cursor: CursorWrapper) -> Health:
    """See Database."""
    cursor.execute(_TABLES, [])
    tables = [Table(*row) for row in cursor.fetchall()]
    cursor.execute(_ROOM)
    room = cursor.fetchone()[0]
    return Health(holder=holder(cursor), tables=tables, room=room, bytes=size(cursor))
