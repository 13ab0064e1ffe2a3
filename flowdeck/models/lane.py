"""Who works on what: lanes, processors' switches and the workers alive."""

from __future__ import annotations

from django.db import models

from flowdeck.models.user_name import LONGEST_USER_NAME


class Lane(models.Model):
    """A range of slots of one processor. At most one worker works on a lane at any moment.

    Atomic handlers hold its row lock; handlers outside of transactions hold its lease (``token``
    until ``lease_expires_at``). ``claims`` counts claims that have not ended well yet, so that a
    handler that kills its process is found; ``suspect`` is the position it was at then, and
    ``last_exception`` the traceback of what a claim ended with (``flowdeck/engine/careful.py``).

    ``grp`` is the group that its lease was last for, if limits hold for groups apart, and ``tried``
    the position: as long as that claim has not ended well, it is what the lane goes on with.
    Below ``floor`` it has no work; ``lowered`` counts how often people have lowered it, and
    ``floor_wrong_at`` is when it was last found to be wrong (``flowdeck/letters/floors.py``).
    """

    processor = models.CharField(max_length=64)
    first_slot = models.PositiveSmallIntegerField()
    last_slot = models.PositiveSmallIntegerField()
    token = models.UUIDField(null=True)
    lease_expires_at = models.DateTimeField(null=True)
    worker = models.CharField(max_length=100, default="")
    claimed_at = models.DateTimeField(null=True)
    claims = models.PositiveIntegerField(default=0)
    suspect = models.BigIntegerField(null=True)
    suspected_at = models.DateTimeField(null=True)
    last_exception = models.TextField(db_default="")
    grp = models.CharField(max_length=200, db_default="")
    tried = models.BigIntegerField(null=True)
    floor = models.BigIntegerField(db_default=0)
    lowered = models.IntegerField(db_default=0)
    floor_wrong_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["processor", "first_slot"], name="flowdeck_lane_of_processor"
            )
        ]

    def __str__(self) -> str:
        """Processor and slots."""
        return f"{self.processor} {self.first_slot}-{self.last_slot}"


class Settled(models.Model):
    """One row (PostgreSQL): nothing can appear in the log any more up to ``position``.

    That rises to ``newest`` as soon as all transactions before ``bound`` have ended. ``looked_at``
    is when floors were last looked for that are wrong.
    """

    position = models.BigIntegerField(default=0)
    newest = models.BigIntegerField(default=0)
    bound = models.BigIntegerField()
    looked_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "settled"

    def __str__(self) -> str:
        """How far it is."""
        return f"settled up to {self.position}"


class ProcessorState(models.Model):
    """What an operator has switched for one processor. No row: nothing is switched.

    ``backfilled_to`` is how far the past of a new projection has been delivered to it.
    """

    name = models.CharField(max_length=64, primary_key=True)
    paused_at = models.DateTimeField(null=True)
    paused_by = models.CharField(max_length=LONGEST_USER_NAME, default="")
    pause_reason = models.CharField(max_length=300, default="")
    backfilled_to = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        """Name and switch."""
        return f"{self.name}: {'paused' if self.paused_at else 'running'}"


class Release(models.Model):
    """A version of the code that was seen at work, or announced with a ``note``, ``by`` somebody.

    ``last_seen_at`` is when a worker last said that it has it; None for one that none has had.
    """

    name = models.CharField(max_length=100, unique=True)
    first_seen_at = models.DateTimeField(db_index=True)
    last_seen_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=300, default="")
    by = models.CharField(max_length=LONGEST_USER_NAME, default="")

    def __str__(self) -> str:
        """Its name."""
        return self.name


class Worker(models.Model):
    """A worker process that has said lately that it is alive, and how it does.

    ``per_second`` is what it got done lately, ``memory`` the bytes that it holds; None if it can't
    tell. ``cut_off_since`` is since when it has not reached Redis or the broker; None if it does.
    ``queues`` are those that it listens to; unless it ``hears`` bells, it does none of our work.
    """

    name = models.CharField(max_length=100, primary_key=True)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    per_second = models.FloatField(null=True)
    memory = models.BigIntegerField(null=True)
    cut_off_since = models.DateTimeField(null=True)
    queues = models.CharField(max_length=300, db_default="")
    hears = models.BooleanField(db_default=True)

    def __str__(self) -> str:
        """Host and process id."""
        return self.name


class SilentBell(models.Model):
    """A process whose bells failed ``since`` then, also when it last tried.

    It is heard of here only: what it appends is found by the workers' sweep, a second later.
    """

    name = models.CharField(max_length=100, primary_key=True)
    since = models.DateTimeField()
    tried_at = models.DateTimeField()

    def __str__(self) -> str:
        """Host and process id."""
        return self.name
