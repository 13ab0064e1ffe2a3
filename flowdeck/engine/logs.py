"""The log lines of the engine: the only place that words them.

Every line carries the correlation id of what it is about (``%(correlation_id)s``, by
:class:`CorrelationFilter`). Nothing is logged per event at INFO.
"""

from __future__ import annotations

import logging

from flowdeck import telemetry
from flowdeck.declare import context
from flowdeck.declare.states import DeliveryState

logger = logging.getLogger("flowdeck")


class CorrelationFilter(logging.Filter):
    """Gives each record a ``correlation_id``: its own, the context's, or ``-``."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the attribute; never drops a record."""
        if not hasattr(record, "correlation_id"):
            around = context.current()
            record.correlation_id = str(around.correlation_id) if around else "-"
        return True


def _attempt_failed(told: telemetry.AttemptFailed) -> None:
    logger.log(
        logging.ERROR if told.state == DeliveryState.DEAD else logging.WARNING,
        "%s failed on event %s with %s: %s",
        told.processor,
        told.position,
        told.error,
        told.state,
        extra={"correlation_id": str(told.correlation_id)},
    )


def _after_commit_failed(told: telemetry.AfterCommitFailed) -> None:
    logger.error(
        "%s: what was to be done after the commit of event %s failed; the rest went on.",
        told.processor,
        told.position,
        exc_info=told.error,
        extra={"correlation_id": str(told.correlation_id)},
    )


def _settings_left(told: telemetry.SettingsLeft) -> None:
    logger.warning(
        "%s changed settings of its connection, which is replaced (use SET LOCAL): %s",
        told.processor,
        told.statement,
    )


def _infrastructure(told: telemetry.InfrastructureFault) -> None:
    # The whole message of a lost connection is long and the same each second: its first line.
    first_line = str(told.error).split("\n", 1)[0]
    logger.warning("%s: %s: %s", told.processor or "sweep", type(told.error).__name__, first_line)


def _bell_failed(told: telemetry.BellFailed) -> None:
    logger.warning("A bell could not be rung (%s); the sweep finds the work.", told.error)


def _lease_expired(told: telemetry.LeaseExpired) -> None:
    logger.warning("%s: a lease ran out; the batch is done again.", told.processor)


def _floor_wrong(told: telemetry.FloorWrong) -> None:
    logger.error(
        "%s: its delivery of event %s was below the floor of its lane, which is lowered. If "
        "on_dead was not changed from 'park' to 'skip', that is a fault of flowdeck's.",
        told.processor,
        told.position,
    )


def _settled(told: telemetry.Settled) -> None:
    logger.debug("%s settled %s deliveries", told.processor, len(told.deliveries))


def _paused(told: telemetry.Paused) -> None:
    logger.info("%s paused by %s: %s", told.processor, told.by, _reason(told.reason))


def _resumed(told: telemetry.Resumed) -> None:
    logger.info("%s resumed by %s", told.processor, told.by)


def _resolved(told: telemetry.Resolved) -> None:
    count, reason = len(told.deliveries), _reason(told.reason)
    logger.info("%s of %s dead letters by %s: %s", told.action, count, told.by, reason)


def _reason(given: str) -> str:
    return given or "no reason given"


def listen() -> None:
    """Log what the engine tells from now on. Calling it twice counts once."""
    telemetry.subscribe(telemetry.AttemptFailed, _attempt_failed)
    telemetry.subscribe(telemetry.AfterCommitFailed, _after_commit_failed)
    telemetry.subscribe(telemetry.SettingsLeft, _settings_left)
    telemetry.subscribe(telemetry.InfrastructureFault, _infrastructure)
    telemetry.subscribe(telemetry.BellFailed, _bell_failed)
    telemetry.subscribe(telemetry.LeaseExpired, _lease_expired)
    telemetry.subscribe(telemetry.FloorWrong, _floor_wrong)
    telemetry.subscribe(telemetry.Settled, _settled)
    telemetry.subscribe(telemetry.Paused, _paused)
    telemetry.subscribe(telemetry.Resumed, _resumed)
    telemetry.subscribe(telemetry.Resolved, _resolved)
