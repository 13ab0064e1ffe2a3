"""Who hears what, for those whose code does not know it."""

from __future__ import annotations

from django.db import models


class Subscription(models.Model):
    """A processor gets the events of a type: what workers have said of it, read by every append.

    So code that does not know a processor, in a rolling deploy, still has its events delivered to
    it. Fields are as those of :class:`flowdeck.declare.registry.Subscription`. All events behind
    ``since`` are delivered to it; None: all since the first one it got. ``seen_at`` is when a
    worker last said so (``flowdeck/engine/subscriptions.py``).
    """

    pk = models.CompositePrimaryKey("type", "processor")
    type = models.CharField(max_length=200)
    processor = models.CharField(max_length=64)
    streams = models.CharField(max_length=200)
    grouped_by = models.CharField(max_length=200)
    gathered = models.FloatField(null=True)
    since = models.BigIntegerField(null=True)
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        """Who, and what."""
        return f"{self.processor} hears {self.type}"
