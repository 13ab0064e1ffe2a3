"""Events that are to be appended later, and the clock that moves them into the log."""

from __future__ import annotations

from django.db import models

from flowdeck.models.event import ObjectField
from flowdeck.models.user_name import LONGEST_USER_NAME


class Timer(models.Model):
    """An event that is appended once ``due_at`` has come. The row is gone then: the event is left.

    ``scope`` and ``name`` name it while it is open: another of that name takes its place, which
    ``replaced`` counts. From ``stale_at`` on it does not come by itself: whoever plans schedules
    decides. One that is not to come any more keeps its row for a while: ``ended_as`` says how it
    ended and ``ended_by`` who ended it. The other fields are those that its event will have; what
    is personal in ``data`` is sealed as in the log.
    """

    class End(models.TextChoices):
        """How a timer ended without an event."""

        CANCELLED = "cancelled"
        REFUSED = "refused"

    id = models.BigAutoField(primary_key=True)
    scope = models.CharField(max_length=200)
    name = models.CharField(max_length=100)
    due_at = models.DateTimeField()
    event_id = models.UUIDField()
    stream = models.CharField(max_length=200)
    type = models.CharField(max_length=100)
    version = models.PositiveSmallIntegerField()
    data = ObjectField()
    metadata = ObjectField(default=dict)
    key = models.CharField(max_length=200)
    slot = models.PositiveSmallIntegerField()
    correlation_id = models.UUIDField()
    causation_id = models.UUIDField(null=True)
    producer = models.CharField(max_length=64)
    set_at = models.DateTimeField()
    stale_at = models.DateTimeField(null=True)
    replaced = models.PositiveIntegerField(default=0)
    ended_at = models.DateTimeField(null=True)
    ended_as = models.CharField(max_length=10, choices=End.choices, default="")
    ended_by = models.CharField(max_length=LONGEST_USER_NAME, default="")
    error = models.CharField(max_length=500, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["scope", "name"],
                condition=models.Q(ended_at__isnull=True),
                name="flowdeck_timer_name",
            )
        ]
        indexes = [
            models.Index(
                fields=["due_at", "id"],
                condition=models.Q(ended_at__isnull=True),
                name="flowdeck_timer_due",
            ),
            models.Index(fields=["correlation_id"], name="flowdeck_timer_trace"),
            models.Index(
                fields=["ended_at"],
                condition=models.Q(ended_at__isnull=False),
                name="flowdeck_timer_ended",
            ),
        ]

    def __str__(self) -> str:
        """What will be appended, and where."""
        return f"{self.name}: {self.type} in {self.stream}"


class Clock(models.Model):
    """The one row that whoever moves timers locks, so that only one does at a time.

    Nothing is moved while ``held_at`` is set. ``ticked_at`` is the database's time as it was seen
    last: ``leapt_by`` seconds were between that and ``leapt_at`` when the clock was set, or nobody
    looked. Timers due before ``walked_at`` were all looked at by then, but for those that wait for
    somebody else's transaction since ``behind``.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    held_at = models.DateTimeField(null=True)
    held_by = models.CharField(max_length=LONGEST_USER_NAME, default="", db_default="")
    reason = models.CharField(max_length=300, default="", db_default="")
    ticked_at = models.DateTimeField(null=True)
    leapt_at = models.DateTimeField(null=True)
    leapt_by = models.FloatField(null=True)
    walked_at = models.DateTimeField(null=True)
    behind = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="flowdeck_clock_one")]

    def __str__(self) -> str:
        """Whether it goes."""
        return "held" if self.held_at else "going"
