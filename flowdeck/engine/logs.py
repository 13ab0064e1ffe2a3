"""The log lines of the engine: the only place that words them.

Every line carries the correlation id of what it is about (``%(correlation_id)s``, by
:class:`CorrelationFilter`). Nothing is logged per event at INFO.
"""

from __future__ import annotations

import logging
from typing import Any

from flowdeck import telemetry
from flowdeck.declare import context

logger = logging.getLogger("flowdeck")


class CorrelationFilter(logging.Filter):
    """Gives each record a ``correlation_id``: its own, the context's, or ``-``."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the attribute; never drops a record."""
        if not hasattr(record, "correlation_id"):
            around = context.current()
            record.correlation_id = str(around.correlation_id) if around else "-"
        return True


def _attempt_failed(
    *, processor: str, position: int, correlation_id: Any, error: str, state: str
) -> None:
    level = logging.ERROR if state == "dead" else logging.WARNING
    logger.log(
        level,
        "%s failed on event %s with %s: %s",
        processor,
        position,
        error,
        state,
        extra={"correlation_id": str(correlation_id)},
    )


def _infrastructure(*, processor: str, error: Exception) -> None:
    # The whole message of a lost connection is long and the same each second: its first line.
    first_line = str(error).split("\n", 1)[0]
    logger.warning("%s: %s: %s", processor or "sweep", type(error).__name__, first_line)


def _bell_failed(*, error: Exception) -> None:
    logger.warning("A bell could not be rung (%s); the sweep finds the work.", error)


def _lease_lost(*, processor: str) -> None:
    logger.warning("%s: a lease ran out; the batch is done again.", processor)


def _settled(*, processor: str, deliveries: tuple[telemetry.Settled, ...]) -> None:
    logger.debug("%s settled %s deliveries", processor, len(deliveries))


def _paused(*, processor: str, by: str, reason: str) -> None:
    logger.info("%s paused by %s: %s", processor, by, reason or "no reason given")


def _resumed(*, processor: str, by: str, reason: str) -> None:
    logger.info("%s resumed by %s", processor, by)


def _resolved(*, action: str, count: int, by: str, reason: str, deliveries: Any) -> None:
    logger.info("%s of %s dead letters by %s: %s", action, count, by, reason or "no reason given")


for _signal, _listener in {
    "attempt_failed": _attempt_failed,
    "infrastructure": _infrastructure,
    "bell_failed": _bell_failed,
    "lease_lost": _lease_lost,
    "settled": _settled,
    "paused": _paused,
    "resumed": _resumed,
    "resolved": _resolved,
}.items():
    telemetry.subscribe(_signal, _listener)  # type: ignore[arg-type]
