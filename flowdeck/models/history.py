"""What the engine remembers: what was told and not folded yet, figures by time, traces.

Times of figures (``at``) are seconds since 1970: the beginning of a stretch of ``grain`` seconds,
and 0 where the grain is 0: ever. Sketches are texts of :mod:`flowdeck.history.sketch`.
"""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class Tally(models.Model):
    """What one transaction did, told by it and not folded yet (:mod:`flowdeck.history.tally`).

    ``told`` is JSON. ``processor`` is empty where events were appended.
    """

    at = models.DateTimeField(db_default=Now())
    processor = models.CharField(max_length=64, db_default="")
    told = models.TextField()

    class Meta:
        verbose_name_plural = "tallies"

    def __str__(self) -> str:
        """Number and processor."""
        return f"{self.pk}: {self.processor or 'appended'}"


class Fold(models.Model):
    """One row: who has it locked folds. Nobody does so before ``due_at``.

    No tally has a number up to ``floor`` any more. That rises to ``newest`` as soon as all
    transactions before ``bound`` have ended; ``folded`` is the highest number that was folded.
    What was before ``since`` nobody told, so it is not known; None if that is nothing.
    """

    due_at = models.DateTimeField(null=True)
    floor = models.BigIntegerField(default=0)
    newest = models.BigIntegerField(default=0)
    bound = models.BigIntegerField(null=True)
    folded = models.BigIntegerField(default=0)
    since = models.DateTimeField(null=True)

    def __str__(self) -> str:
        """How far it is."""
        return f"folded up to {self.folded}"


class Current(models.Model):
    """One row: what is to be done ``at`` that moment (:mod:`flowdeck.observe.current`).

    ``facts`` is JSON, by processor. ``traces`` are under way among the first ``deliveries``.
    ``begun_at`` is when somebody last began to count.
    """

    begun_at = models.DateTimeField(null=True)
    at = models.DateTimeField(null=True)
    dead = models.IntegerField(default=0)
    traces = models.IntegerField(default=0)
    deliveries = models.IntegerField(default=0)
    facts = models.TextField(default="")

    class Meta:
        verbose_name_plural = "current"

    def __str__(self) -> str:
        """The moment."""
        return f"as of {self.at}"


class Handled(models.Model):
    """What a processor did with events of a type in a stretch of time, by when attempts ended.

    ``failed`` counts attempts, those that were rejected apart; ``dead`` those that left a dead
    letter. ``run`` sketches attempts that succeeded, ``wait`` the time from the log to the first
    one, ``age`` that to the end of what is done. ``busy_us`` are microseconds in handlers.
    """

    pk = models.CompositePrimaryKey("grain", "at", "processor", "type")
    grain = models.IntegerField()
    at = models.BigIntegerField()
    processor = models.CharField(max_length=64)
    type = models.CharField(max_length=100)
    done = models.BigIntegerField()
    failed = models.BigIntegerField()
    rejected = models.BigIntegerField()
    snoozed = models.BigIntegerField()
    dead = models.BigIntegerField()
    busy_us = models.BigIntegerField()
    run = models.TextField()
    wait = models.TextField()
    age = models.TextField()

    class Meta:
        verbose_name_plural = "handled"

    def __str__(self) -> str:
        """Who, what and how often."""
        return f"{self.processor} {self.type}: {self.done}"


class Produced(models.Model):
    """How many events of a type a producer appended in a stretch of time."""

    pk = models.CompositePrimaryKey("grain", "at", "type", "producer")
    grain = models.IntegerField()
    at = models.BigIntegerField()
    type = models.CharField(max_length=100)
    producer = models.CharField(max_length=64)
    n = models.BigIntegerField()

    class Meta:
        verbose_name_plural = "produced"

    def __str__(self) -> str:
        """Who, what and how often."""
        return f"{self.producer} {self.type}: {self.n}"


class Gauge(models.Model):
    """What waited for a processor in a stretch of time: the most of it that was seen.

    ``processor`` is empty for all together, and ``oldest`` is seconds. A stretch that has a row of
    all was looked at; a processor without a row of its own had nothing to do then.
    """

    pk = models.CompositePrimaryKey("grain", "at", "processor")
    grain = models.IntegerField()
    at = models.BigIntegerField()
    processor = models.CharField(max_length=64)
    waiting = models.BigIntegerField()
    retrying = models.BigIntegerField()
    dead = models.BigIntegerField()
    oldest = models.FloatField()

    def __str__(self) -> str:
        """Who and how much."""
        return f"{self.processor or 'all'}: {self.waiting}"


class Trace(models.Model):
    """One trace: what it began with, and how it went so far.

    ``came`` counts its deliveries, of which ``settled`` are done or discarded, ``dead`` are dead
    letters, and the others open; ``retries`` the attempts after the first of each. ``seconds`` are
    from the first event to the last thing that happened; None as long as any delivery is open.
    """

    class State(models.IntegerChoices):
        """What came of it."""

        UNDER_WAY = 0
        DONE = 1
        DEAD = 2
        REFUSED = 3

    correlation_id = models.UUIDField(primary_key=True)
    first_position = models.BigIntegerField()
    began_with = models.CharField(max_length=100)
    stream = models.CharField(max_length=200)
    producer = models.CharField(max_length=64)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    last_position = models.BigIntegerField()
    events = models.IntegerField()
    came = models.IntegerField()
    settled = models.IntegerField()
    dead = models.IntegerField()
    retries = models.IntegerField()
    refused = models.BooleanField()
    state = models.PositiveSmallIntegerField(choices=State.choices)
    seconds = models.FloatField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["first_position"], name="flowdeck_trace_newest"),
            models.Index(fields=["began_with", "first_position"], name="flowdeck_trace_began"),
            models.Index(fields=["seconds"], name="flowdeck_trace_seconds"),
            models.Index(fields=["began_with", "seconds"], name="flowdeck_trace_began_seconds"),
            models.Index(
                fields=["first_position"],
                condition=models.Q(state=0),
                name="flowdeck_trace_under_way",
            ),
            models.Index(
                fields=["first_position"], condition=models.Q(state=2), name="flowdeck_trace_dead"
            ),
            models.Index(
                fields=["first_position"],
                condition=models.Q(retries__gt=0),
                name="flowdeck_trace_retried",
            ),
            models.Index(
                fields=["retries", "first_position"],
                condition=models.Q(retries__gt=0),
                name="flowdeck_trace_retries",
            ),
        ]

    def __str__(self) -> str:
        """What it began with and where."""
        return f"{self.began_with} {self.stream}"
