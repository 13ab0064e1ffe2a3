"""Connectors: how far outlets and inlets are, and what was switched."""

from __future__ import annotations

from django.db import models

from flowdeck.models.user_name import LONGEST_USER_NAME


class Connector(models.Model):
    """An outlet or inlet of some name. No row: it has never run.

    ``position`` is up to where an outlet has handed on the log, and ``since`` from where on it has
    done so without a gap. Whoever runs it holds its lease
    (``token`` until ``lease_expires_at``); nobody else moves the position, but a person who rewinds
    it, which ends the lease. ``error`` is the fault since which it does not get on, the
    ``failures``-th in a row; empty while it does. ``last_error`` and ``failed_at`` stay. ``moved``
    counts messages of all time, the last at ``moved_at``; ``per_second`` is what it was then.
    ``waiting`` is how many messages an inlet had before it at ``waiting_at``. What finished since
    ``looked_at``, behind its position, an outlet of deliveries has yet to look for.
    """

    name = models.CharField(max_length=64, primary_key=True)
    position = models.BigIntegerField(default=0)
    since = models.BigIntegerField(default=0)
    token = models.UUIDField(null=True)
    lease_expires_at = models.DateTimeField(null=True)
    worker = models.CharField(max_length=100, default="")
    paused_at = models.DateTimeField(null=True)
    paused_by = models.CharField(max_length=LONGEST_USER_NAME, default="")
    pause_reason = models.CharField(max_length=300, default="")
    error = models.CharField(max_length=500, default="")
    last_error = models.CharField(max_length=500, default="")
    failed_at = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)
    moved = models.BigIntegerField(default=0)
    moved_at = models.DateTimeField(null=True)
    per_second = models.FloatField(default=0)
    waiting = models.BigIntegerField(default=0)
    waiting_at = models.DateTimeField(null=True)
    looked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        """Name and position."""
        return f"{self.name}: {self.position}"


class WebhookAttempt(models.Model):
    """One try of an outlet to post an event to a webhook; the newest of each outlet are kept.

    Without a ``position`` it was a test. ``number`` counts the tries at the event that are kept.
    ``status`` is that of the answer, 0 if there was none; ``said`` its beginning, or why there was
    none. ``asked_by`` is who had it sent by hand.
    """

    outlet = models.CharField(max_length=64)
    position = models.BigIntegerField(null=True)
    message = models.CharField(max_length=64)
    type = models.CharField(max_length=200)
    number = models.PositiveIntegerField()
    at = models.DateTimeField()
    seconds = models.FloatField()
    status = models.PositiveSmallIntegerField()
    said = models.TextField()
    asked_by = models.CharField(max_length=LONGEST_USER_NAME, default="")

    class Meta:
        indexes = [
            models.Index(fields=["outlet", "-id"], name="flowdeck_webhook_newest"),
            models.Index(fields=["outlet", "position"], name="flowdeck_webhook_event"),
        ]

    def __str__(self) -> str:
        """Outlet, event and number."""
        return f"{self.outlet} on {self.position}: attempt {self.number}, {self.status}"

    @property
    def accepted(self) -> bool:
        """Whether the receiver has it."""
        return self.status // 100 == 2


class InletOffset(models.Model):
    """From where on an inlet reads a part (partition) of its source.

    Written with what was published of the messages before, so this and not the broker's own record
    says what is in the log.
    """

    inlet = models.CharField(max_length=64)
    part = models.CharField(max_length=64)
    offset = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["inlet", "part"], name="flowdeck_inlet_part")
        ]

    def __str__(self) -> str:
        """Inlet, part and offset."""
        return f"{self.inlet} {self.part}: {self.offset}"
