"""What was moved out of the log into files, with a tombstone for each stream, and what came in."""

from __future__ import annotations

from django.db import models

from flowdeck.models.user_name import LONGEST_USER_NAME


class Archive(models.Model):
    """One file of archived events. The database itself refuses UPDATE and DELETE."""

    path = models.CharField(max_length=500)
    sha256 = models.CharField(max_length=64)
    events = models.BigIntegerField()
    types = models.JSONField()
    by = models.CharField(max_length=LONGEST_USER_NAME)
    reason = models.CharField(max_length=300, default="")
    at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        """Where it is."""
        return self.path


class ImportedRange(models.Model):
    """Where in the log the events of an import lie, which keep the times that they had elsewhere.

    What others appended meanwhile may lie between them.
    """

    first_position = models.BigIntegerField()
    last_position = models.BigIntegerField()

    class Meta:
        verbose_name_plural = "imported ranges"

    def __str__(self) -> str:
        """From where to where."""
        return f"{self.first_position} to {self.last_position}"


class RemovedDeliveries(models.Model):
    """One row: of events up to ``position`` no delivery that is done is kept any more.

    No row: all are kept.
    """

    position = models.BigIntegerField()
    at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "removed deliveries"

    def __str__(self) -> str:
        """Up to where."""
        return f"up to {self.position}"


class ArchivedStream(models.Model):
    """A stream whose events up to a sequence are in an archive.

    Only what a tombstone covers can be deleted from the log; tombstones can't be changed.
    """

    stream = models.CharField(max_length=200)
    upto = models.BigIntegerField()
    archive = models.ForeignKey(Archive, on_delete=models.PROTECT, related_name="streams")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["stream", "upto"], name="flowdeck_tombstone_once")
        ]

    def __str__(self) -> str:
        """Stream and where it goes on."""
        return f"{self.stream}, archived up to {self.upto}"
