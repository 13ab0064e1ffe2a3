"""Instances of processes: what they know, and the way that each has gone."""

from __future__ import annotations

from django.db import models

from flowdeck.models.event import ObjectField


class ProcessInstance(models.Model):
    """One instance of a process, named by the key of its events.

    ``step`` is empty, and ``state`` {}, as long as only ``early`` ones have come: positions of
    events that are handed over right after the start. ``version`` is that of the flow it began
    with, ``state_version`` that of its state. ``undo`` lists what takes back what was done, by
    which ``timers`` has the open ones by name. ``stream`` and ``correlation_id`` are those of the
    event that began it, ``position`` is the last one handled.
    """

    pk = models.CompositePrimaryKey("process", "key")
    process = models.CharField(max_length=64)
    key = models.CharField(max_length=200)
    version = models.PositiveSmallIntegerField()
    step = models.CharField(max_length=60)
    state = ObjectField(default=dict)
    state_version = models.PositiveSmallIntegerField()
    undo = models.JSONField(default=list)
    timers = ObjectField(default=dict)
    early = models.JSONField(default=list)
    stream = models.CharField(max_length=200)
    correlation_id = models.UUIDField()
    position = models.BigIntegerField()
    started_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    stopped_by = models.CharField(max_length=150, default="")

    class Meta:
        indexes = [
            models.Index(
                fields=["process", "step", "changed_at"],
                condition=models.Q(ended_at__isnull=True),
                name="flowdeck_process_running",
            ),
            models.Index(
                fields=["process", "ended_at", "step"],
                condition=models.Q(ended_at__isnull=False),
                name="flowdeck_process_ended",
            ),
            models.Index(
                fields=["ended_at"],
                condition=models.Q(ended_at__isnull=False),
                name="flowdeck_process_over",
            ),
        ]

    def __str__(self) -> str:
        """Process, key and step."""
        return f"{self.process} {self.key}: {self.step}"


class ProcessStep(models.Model):
    """One event of an instance, in the order in which they were handled.

    ``note`` says why it was handed to no method; of what an operator did there is no ``position``.
    """

    id = models.BigAutoField(primary_key=True)
    process = models.CharField(max_length=64)
    key = models.CharField(max_length=200)
    position = models.BigIntegerField(null=True)
    type = models.CharField(max_length=100)
    from_step = models.CharField(max_length=60)
    to_step = models.CharField(max_length=60)
    at = models.DateTimeField()
    note = models.CharField(max_length=100, default="")

    class Meta:
        indexes = [
            models.Index(fields=["process", "key", "id"], name="flowdeck_process_path"),
            models.Index(fields=["process", "at"], name="flowdeck_process_at"),
        ]

    def __str__(self) -> str:
        """From where to where, by what."""
        return f"{self.process} {self.key}: {self.from_step} > {self.to_step} by {self.type}"
