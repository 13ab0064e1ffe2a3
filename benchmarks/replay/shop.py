"""The past of a busy shop, made by the database: five events an order, orders overlapping."""

from __future__ import annotations

import psycopg

EVENTS_AN_ORDER = 5
_OVERLAP = 25  # an order's next event comes after so many other orders have moved

_STREAMS = """
INSERT INTO flowdeck_stream (name, head)
SELECT 'order-' || n, 5 FROM generate_series(1000001, 1000000 + {orders}) AS n
"""
_EVENTS = """
INSERT INTO flowdeck_event (id, stream, sequence, type, version, data, metadata, key,
  correlation_id, causation_id, producer, occurred_at, recorded_at)
SELECT md5('event' || n || '/' || step)::uuid, 'order-' || n, step + 1, type, version,
  CASE step
    WHEN 0 THEN jsonb_build_object('order_id', n, 'user_id', n % 500, 'total', '28.00',
      'items', items, 'currency', 'EUR', 'reference', 'bench-' || n, 'scenario', '')
    WHEN 1 THEN jsonb_build_object('order_id', n, 'items', items)
    WHEN 2 THEN jsonb_build_object('order_id', n, 'amount', '28.00', 'status', 'success',
      'reason', '', 'provider_ref', 'ch_' || n)
    WHEN 3 THEN jsonb_build_object('order_id', n, 'user_id', n % 500, 'total', '28.00',
      'items', items)
    ELSE jsonb_build_object('order_id', n, 'user_id', n % 500, 'subject', 'Confirmed')
  END,
  '{{}}', 'order-' || n, md5('trace' || n)::uuid,
  CASE WHEN step > 0 THEN md5('event' || n || '/0')::uuid END, producer, at, at
FROM (
  SELECT n, step, type, version, producer,
    jsonb_build_array(jsonb_build_object('sku', 'sku-' || n % 20, 'quantity', 2,
      'price', '14.00')) AS items,
    timestamptz '2026-01-01' + (n + step * {overlap}) * interval '13 seconds' AS at
  FROM generate_series(1000001, 1000000 + {orders}) AS n CROSS JOIN (VALUES
    (0, 'OrderCreated', 2, 'shop'), (1, 'InventoryReserved', 1, 'inventory'),
    (2, 'PaymentProcessed', 1, 'payment'), (3, 'OrderConfirmed', 1, 'confirmation'),
    (4, 'NotificationSent', 1, 'notification')) AS steps (step, type, version, producer)
  ORDER BY n + step * {overlap}, step
) AS made
"""
_DELIVERIES = """
INSERT INTO flowdeck_done (position, processor, attempts, started_at, finished_at)
SELECT position, processor, 1, recorded_at, recorded_at
FROM flowdeck_event JOIN (VALUES ('orders', ''), ('stock', 'InventoryReserved'),
  ('sales', 'OrderConfirmed')) AS p (processor, only_type) ON type = only_type OR only_type = ''
WHERE stream LIKE 'order-1______'
ORDER BY position
"""


def fill(url: str, count: int) -> int:
    """Insert about ``count`` events with their deliveries to the projections; return how many."""
    orders = count // EVENTS_AN_ORDER
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_STREAMS.format(orders=orders))
        connection.execute(_EVENTS.format(orders=orders, overlap=_OVERLAP))
        connection.execute(_DELIVERIES)
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")  # the filling is not what is measured
    return orders * EVENTS_AN_ORDER
