"""Replays and redeliveries as they were asked for, with what came of them."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.db.models import Q

from flowdeck import clock
from flowdeck.models.user_name import LONGEST_USER_NAME

SILENCE = timedelta(seconds=30)


class ReplayRun(models.Model):
    """One run over the log: who wanted what and why, how far it is, and its result.

    ``total`` and ``done`` count events. ``beat_at`` moves while a process works on it, so a run
    whose process died shows as stopped. ``result`` is what its kind reports: differences, counts.
    """

    class Kind(models.TextChoices):
        """What the run is for."""

        PREVIEW = "preview"
        VERIFY = "verify"
        REBUILD = "rebuild"
        REDELIVER = "redeliver"

    class State(models.TextChoices):
        """Stored states; ``stopped`` is derived: running, but silent."""

        WAITING = "waiting"
        RUNNING = "running"
        FINISHED = "finished"
        CANCELLED = "cancelled"
        FAILED = "failed"

    kind = models.CharField(max_length=10, choices=Kind.choices)
    processors = models.JSONField()
    to_position = models.BigIntegerField(null=True)
    by = models.CharField(max_length=LONGEST_USER_NAME)
    reason = models.CharField(max_length=300, default="")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    total = models.BigIntegerField(default=0)
    done = models.BigIntegerField(default=0)
    result = models.JSONField(default=dict)
    error = models.TextField(default="")
    cancelled_by = models.CharField(max_length=LONGEST_USER_NAME, default="")
    requested_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    beat_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["id"], condition=Q(state="waiting"), name="flowdeck_replay_waiting"
            )
        ]

    def __str__(self) -> str:
        """Kind and processors."""
        return f"{self.kind} of {', '.join(self.processors)}"

    @property
    def stopped(self) -> bool:
        """Whether its process has died: it is running by its row, but has been silent."""
        return (
            self.state == self.State.RUNNING
            and self.beat_at is not None
            and clock.now() - self.beat_at > SILENCE
        )

    @property
    def differing(self) -> int:
        """How many rows differed, over all its models."""
        return sum(report.get("differing", 0) for report in self.result.get("models", ()))

    @property
    def rate(self) -> float | None:
        """Events per second so far, or None when there is nothing to go by."""
        end = self.finished_at or self.beat_at
        if self.started_at is None or end is None or not self.done:
            return None
        return self.done / max((end - self.started_at).total_seconds(), 0.001)

    @property
    def seconds_left(self) -> float | None:
        """How long it should still take at its rate, or None if that is unknown."""
        if self.state != self.State.RUNNING or not self.rate:
            return None
        return max(0, self.total - self.done) / self.rate
