"""Corrections: what readers take in place of a stored payload."""

from __future__ import annotations

from django.db import models

from flowdeck.models.event import Event, ObjectField


class Correction(models.Model):
    """The payload that stands for that of an event since somebody repaired it.

    Follows from the events ``EventCorrected`` of the log, of which the newest counts: ``written``
    is the position of it.
    """

    event = models.OneToOneField(
        Event,
        on_delete=models.DO_NOTHING,
        db_column="position",
        db_constraint=False,
        primary_key=True,
        related_name="correction",
    )
    written = models.BigIntegerField()
    version = models.PositiveSmallIntegerField()
    data = ObjectField()

    def __str__(self) -> str:
        """Which event, and by which."""
        return f"{self.event_id} corrected by {self.written}"
