"""What the lab keeps."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class LabRun(models.Model):
    """One experiment of a learner. ``facts`` names what it set off; the rest is in the log."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    lesson = models.CharField(max_length=40)
    trace = models.UUIDField(unique=True, help_text="the trace of what it published itself")
    choice = models.CharField(max_length=40, default="")
    facts = models.JSONField(default=dict)
    began_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        permissions = [
            ("use_lab", "Can use the lab and set faults for their own orders"),
            ("view_class", "Can see the progress of the class"),
        ]
        indexes = [models.Index(fields=["user", "lesson", "-id"], name="runs_of_learner")]

    def __str__(self) -> str:
        """Lesson and learner."""
        return f"{self.lesson} by {self.user}"


class LabProgress(models.Model):
    """What a learner answered to the question of a lesson."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    lesson = models.CharField(max_length=40)
    right = models.BooleanField()
    tries = models.PositiveIntegerField(default=0)
    answered_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "lab progress"
        constraints = [
            models.UniqueConstraint(fields=["user", "lesson"], name="one_answer_a_lesson")
        ]

    def __str__(self) -> str:
        """Lesson and whether it is done."""
        return f"{self.lesson}: {'right' if self.right else 'wrong'}"


class LabBalance(models.Model):
    """What a sandboxed processor believes to have been paid in during a run."""

    run_id = models.BigIntegerField()
    processor = models.CharField(max_length=64)
    amount = models.IntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run_id", "processor"], name="one_balance_a_run")
        ]

    def __str__(self) -> str:
        """Processor and amount."""
        return f"{self.processor}: {self.amount}"


class LabAccount(models.Model):
    """What is in the account of a run, and how many moves of money that took: a read model."""

    run_id = models.BigIntegerField(primary_key=True)
    balance = models.IntegerField(default=0)
    moves = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        """Run and balance."""
        return f"account of run {self.run_id}: {self.balance}"


class LabSeen(models.Model):
    """Idempotency keys that a sandboxed processor has seen."""

    key = models.CharField(max_length=120, primary_key=True)

    def __str__(self) -> str:
        """The key."""
        return self.key


class SwitchedFault(models.Model):
    """A fault that somebody switched on for their own orders, for teaching (demo mode only)."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    processor = models.CharField(max_length=64)
    kind = models.CharField(max_length=20)
    amount = models.PositiveIntegerField(default=0)
    trace = models.UUIDField(null=True, help_text="the only trace that feels it; none: all")
    began_at = models.DateTimeField()
    ends_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        """Kind and processor."""
        return f"{self.kind} of {self.processor} ({self.amount})"
