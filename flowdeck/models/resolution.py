"""What people do about dead letters, and the audit of all they do."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from flowdeck.models.user_name import LONGEST_USER_NAME


class AuditEntry(models.Model):
    """One action of a person, allowed or denied. The database itself refuses UPDATE and DELETE."""

    at = models.DateTimeField(default=timezone.now)
    who = models.CharField(max_length=LONGEST_USER_NAME)
    action = models.CharField(max_length=40)
    target = models.CharField(max_length=300, default="")
    count = models.PositiveIntegerField(default=0)
    reason = models.CharField(max_length=300, default="")
    allowed = models.BooleanField(default=True)

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(fields=["who", "id"], name="flowdeck_audit_who"),
            models.Index(fields=["target", "id"], name="flowdeck_audit_target"),
        ]

    def __str__(self) -> str:
        """Who did what."""
        return f"{self.who}: {self.action} {self.target}"


class AuditedDelivery(models.Model):
    """A delivery that an audited action changed: it was retried, discarded or given again."""

    entry = models.ForeignKey(
        AuditEntry,
        on_delete=models.DO_NOTHING,
        db_constraint=False,  # entries are never deleted; the check would cost every letter
        db_index=False,
        related_name="+",
    )
    position = models.BigIntegerField()
    processor = models.CharField(max_length=64)

    class Meta:
        verbose_name_plural = "audited deliveries"
        indexes = [models.Index(fields=["position", "entry"], name="flowdeck_audited_delivery")]

    def __str__(self) -> str:
        """Which entry, which delivery."""
        return f"entry {self.entry_id} on {self.processor} on {self.position}"


class DeadLetterGroup(models.Model):
    """What people have said of the dead letters of one fingerprint. No row: nothing yet.

    ``retried_at`` is when somebody retried letters of it last, ``title`` what they were called.
    """

    class Status(models.TextChoices):
        """What is being done about it."""

        OPEN = "open"
        ACKNOWLEDGED = "acknowledged"
        ON_HOLD = "on hold"

    fingerprint = models.CharField(max_length=32, primary_key=True)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.OPEN)
    by = models.CharField(max_length=LONGEST_USER_NAME, default="")
    note = models.CharField(max_length=300, default="")
    until = models.DateTimeField(null=True)
    updated_at = models.DateTimeField(auto_now=True)
    title = models.CharField(max_length=300, default="")
    retried_at = models.DateTimeField(null=True, db_index=True)
    retried_by = models.CharField(max_length=LONGEST_USER_NAME, default="")

    def __str__(self) -> str:
        """Fingerprint and status."""
        return f"{self.fingerprint}: {self.status}"


class BulkAction(models.Model):
    """Retrying or discarding many dead letters, in chunks (:mod:`flowdeck.letters.bulk`).

    ``criteria`` chooses the letters, of which those with a number up to ``newest`` and no attempt
    after ``last_attempt`` were counted when it was asked for; ``cursor`` is the last one dealt
    with. ``steps`` are the sizes of the first chunks of a graduated retry, ``waiting`` the letters
    of the last step that must succeed before the next one. ``paced`` are the chunks of the last
    second, each with its time and size, where a rate is to be kept. ``entry`` is what the audit
    says of it.
    """

    class State(models.TextChoices):
        """How far it is."""

        RUNNING = "running"
        FINISHED = "finished"
        CANCELLED = "cancelled"
        STOPPED = "stopped"

    class Action(models.TextChoices):
        """What is done to each letter."""

        RETRY = "retry"
        DISCARD = "discard"

    action = models.CharField(max_length=7, choices=Action.choices)
    criteria = models.JSONField(default=dict)
    newest = models.BigIntegerField()
    last_attempt = models.BigIntegerField(null=True)
    cursor = models.BigIntegerField(default=0)
    total = models.PositiveIntegerField()
    asked = models.PositiveIntegerField(default=0)
    graduated = models.BooleanField(default=False)
    steps = models.JSONField(default=list)
    waiting = models.JSONField(default=list)
    per_second = models.PositiveIntegerField(null=True)
    paced = models.JSONField(default=list, db_default=models.Value([], models.JSONField()))
    by = models.CharField(max_length=LONGEST_USER_NAME)
    entry = models.ForeignKey(
        AuditEntry,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        related_name="+",
    )
    reason = models.CharField(max_length=300, default="")
    state = models.CharField(max_length=9, choices=State.choices, default=State.RUNNING)
    note = models.CharField(max_length=300, default="")
    created_at = models.DateTimeField(default=timezone.now)
    begins_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["id"],
                condition=models.Q(state="running"),
                name="flowdeck_bulk_action_running",
            )
        ]

    def __str__(self) -> str:
        """Action and progress."""
        return f"{self.action} {self.asked} of {self.total}: {self.state}"

    @property
    def percent(self) -> float:
        """How much of it was asked for, 0 to 100."""
        return 100.0 * self.asked / self.total if self.total else 100.0
