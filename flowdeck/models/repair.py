"""Repairs of dead letters that somebody proposes, and what their proofs say."""

from __future__ import annotations

from django.db import models

from flowdeck.models.user_name import LONGEST_USER_NAME


class Repair(models.Model):
    """Another payload for a dead letter, proved by a worker, confirmed or not.

    ``text`` is JSON, sealed for the persons that it is about: the payload, and once it was proved
    the proof. ``digest`` is what the proof was about; ``written`` the position of the correction.
    """

    class State(models.TextChoices):
        """How far it is."""

        ASKED = "asked"
        RUNNING = "running"
        PROVED = "proved"
        REFUSED = "refused"
        CONFIRMED = "confirmed"

    letter = models.BigIntegerField()
    by = models.CharField(max_length=LONGEST_USER_NAME)
    state = models.CharField(max_length=10, choices=State.choices, default=State.ASKED)
    text = models.TextField()
    digest = models.CharField(max_length=32, default="")
    why = models.TextField(default="")
    written = models.BigIntegerField(null=True)
    asked_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["asked_at"], name="flowdeck_repair_asked")]

    def __str__(self) -> str:
        """Of which letter, and how far."""
        return f"repair of letter {self.letter}: {self.state}"
