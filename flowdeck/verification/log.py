"""What the log promises: no gap in a sequence, times that run as it does, causes before effects."""

from __future__ import annotations

from collections.abc import Iterator

from flowdeck.database import connection
from flowdeck.sql.parts import rows
from flowdeck.verification.checking import Scope, check

_OVERLAP = 1_000  # positions before a chunk that its times are compared with


_BACKWARD_IN_STREAM = """
SELECT e.position, e.stream FROM flowdeck_event e
  JOIN flowdeck_event b ON b.stream = e.stream AND b.sequence = e.sequence - 1
WHERE e.position > %s AND e.position <= %s AND e.recorded_at < b.recorded_at
  AND NOT EXISTS (
    SELECT 1 FROM flowdeck_importedrange i
    WHERE e.position BETWEEN i.first_position AND i.last_position
      OR b.position BETWEEN i.first_position AND i.last_position)
LIMIT 20
"""


_BACKWARD_IN_LOG = """
SELECT position, recorded_at, newest FROM (
  SELECT position, recorded_at, max(recorded_at) OVER (
    ORDER BY position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS newest
  FROM flowdeck_event e WHERE position > %s AND position <= %s AND NOT EXISTS (
    SELECT 1 FROM flowdeck_importedrange i
    WHERE e.position BETWEEN i.first_position AND i.last_position)) AS seen
WHERE {} LIMIT 20
"""


_A_MINUTE = {
    "postgresql": "recorded_at < newest - interval '60 seconds'",
    "sqlite": "julianday(recorded_at) < julianday(newest) - 60 / 86400.0",
}


@check("sequences without gaps")
def _sequences(scope: Scope) -> Iterator[str]:
    # One statement is one snapshot: heads and events of the same moment.
    for stream, head, count, lowest, highest, archived in rows(
        """
        SELECT coalesce(s.name, e.stream), s.head, coalesce(e.n, 0), e.low, e.high,
          coalesce(a.upto, 0)
        FROM flowdeck_stream s FULL JOIN (
          SELECT stream, count(*) AS n, min(sequence) AS low, max(sequence) AS high
          FROM flowdeck_event GROUP BY stream
        ) AS e ON e.stream = s.name
        LEFT JOIN (
          SELECT stream, max(upto) AS upto FROM flowdeck_archivedstream GROUP BY stream
        ) AS a ON a.stream = s.name
        WHERE s.head IS NULL OR s.head <> coalesce(e.n, 0) + coalesce(a.upto, 0)
          OR e.low <> coalesce(a.upto, 0) + 1 OR e.high <> s.head
        """
    ):
        yield (
            f"stream {stream}: head is {head}, but it has {count} events "
            f"with sequences {lowest} to {highest}, and {archived} in archives"
        )


@check("times run as the log does")
def _times(scope: Scope) -> Iterator[str]:
    """Within a stream they never run backward, across the log not by more than a minute.

    What was imported is passed over: it keeps the times that it had elsewhere.
    """
    for after, upto in scope.chunks():
        for position, stream in rows(_BACKWARD_IN_STREAM, [after, upto]):
            yield f"event {position} was recorded before the one before it in {stream}"
        before = max(scope.after, after - _OVERLAP)
        for position, recorded, newest in rows(
            _BACKWARD_IN_LOG.format(_A_MINUTE[connection.vendor]), [before, upto]
        ):
            yield (
                f"event {position} was recorded at {recorded}, behind one recorded at {newest}: "
                "a clock was wrong"
            )


@check("every event but a first one has a cause in its trace")
def _causes(scope: Scope) -> Iterator[str]:
    for after, upto in scope.chunks():
        for position, type_name in rows(
            "SELECT e.position, e.type FROM flowdeck_event e LEFT JOIN flowdeck_event c "
            "ON c.id = e.causation_id AND c.correlation_id = e.correlation_id "
            "AND c.position < e.position WHERE e.causation_id IS NOT NULL "
            "AND e.position > %s AND e.position <= %s AND c.position IS NULL",
            [after, upto],
        ):
            yield f"event {position} ({type_name}): its cause is not an earlier event of its trace"
