"""PostgreSQL: what the fold needs besides statements that both databases take."""

from __future__ import annotations

from django.db.backends.utils import CursorWrapper

# A few thousand keys are looked up in tables of any size: the planner would read them whole.
_PREPARE = """
SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_seqscan = off;
SET LOCAL jit = off
"""

# Who tells has its transaction's number before the tally's, so all lower tallies are visible, or
# never will be, once the transactions have ended that began before this one did. It is a
# transaction of its own: the number is to be taken after what is newest was read.
_RAISE_FLOOR = """
UPDATE flowdeck_fold AS f SET
  floor = least(f.newest, coalesce(
    (SELECT min(t.id) - 1 FROM flowdeck_tally t WHERE t.id > f.floor), f.newest)),
  newest = greatest(f.folded, coalesce((SELECT max(t.id) FROM flowdeck_tally t), 0)),
  bound = pg_current_xact_id()::text::bigint
WHERE f.id IN (SELECT id FROM flowdeck_fold FOR UPDATE SKIP LOCKED)
  AND (f.bound IS NULL OR f.bound <= pg_snapshot_xmin(pg_current_snapshot())::text::bigint)
"""


def prepare(cursor: CursorWrapper) -> None:
    """See Tallies."""
    cursor.execute(_PREPARE)


def snapshot(cursor: CursorWrapper) -> None:
    """See Tallies."""
    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


def raise_floor(cursor: CursorWrapper) -> None:
    """See Tallies."""
    cursor.execute(_RAISE_FLOOR)
