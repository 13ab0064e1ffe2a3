"""Deliveries: one event for one processor, and the failed attempts at them."""

from __future__ import annotations

from typing import Any

from django.db import models

from flowdeck.declare.states import STORED, AttemptOutcome, DeliveryState, among
from flowdeck.models.event import Event


class Among(models.Lookup):
    """``state__among=UNFINISHED``: the states stand in the query itself, not as parameters.

    SQLite uses a partial index only for a query that has its condition word for word, and both
    databases leave out the finished deliveries only if they see that it is not about them.
    """

    lookup_name = "among"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        """``state IN ('pending', 'retrying', 'sleeping')``, or ``state = 'dead'``."""
        column, parameters = self.process_lhs(compiler, connection)
        return f"{column} {among(*self.rhs)}", tuple(parameters)


def _event(related_name: str) -> Any:
    return models.ForeignKey(
        Event,
        on_delete=models.DO_NOTHING,
        db_column="position",
        db_constraint=False,  # events are never deleted; the check would cost every append
        db_index=False,
        related_name=related_name,
    )


def _state() -> Any:
    return models.CharField(
        max_length=10,
        choices=[(state, state.capitalize()) for state in STORED],
        db_default=DeliveryState.PENDING,
    )


class Delivery(models.Model):
    """One event for one processor, to read: a view of :class:`Due` and :class:`Done`.

    ``due_at`` is set only while retrying; a pending delivery is due at once. ``started_at`` and
    ``finished_at`` are those of the last attempt. ``fingerprint`` is that of the failure that made
    it a dead letter last, ``retried`` how often people retried it since. ``letter`` is its number
    as a dead letter, which it keeps whatever becomes of it; None if it never was one. ``key`` is
    empty and ``slot`` None once it is done: its event has the key.
    """

    pk = models.CompositePrimaryKey("event", "processor")
    event = _event("deliveries")
    processor = models.CharField(max_length=64)
    key = models.CharField(max_length=200)
    slot = models.PositiveSmallIntegerField(null=True)
    state = _state()
    attempts = models.PositiveSmallIntegerField(db_default=0)
    due_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    fingerprint = models.CharField(max_length=32, db_default="")
    retried = models.PositiveSmallIntegerField(db_default=0)
    letter = models.BigIntegerField(null=True)

    class Meta:
        managed = False
        db_table = "flowdeck_delivery"
        verbose_name_plural = "deliveries"

    def __str__(self) -> str:
        """Processor, position and state."""
        return f"{self.processor} on {self.event_id}: {self.state}"

    @property
    def name(self) -> str:
        """Names it in an address: ``42-customs``."""
        return f"{self.event_id}-{self.processor}"


class Due(models.Model):
    """A delivery that is not done: pending, retrying, dead or discarded. Fields as in Delivery.

    ``grp``: what its processor's limits are kept apart by; None if they are not. Its table and
    indexes are in ``flowdeck/sql/<database>/deliveries.sql``.
    """

    pk = models.CompositePrimaryKey("event", "processor")
    event = _event("+")
    processor = models.CharField(max_length=64)
    key = models.CharField(max_length=200)
    slot = models.PositiveSmallIntegerField()
    state = _state()
    attempts = models.PositiveSmallIntegerField(db_default=0)
    due_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    fingerprint = models.CharField(max_length=32, db_default="")
    retried = models.PositiveSmallIntegerField(db_default=0)
    letter = models.BigIntegerField(null=True)
    grp = models.CharField(max_length=200, null=True)  # noqa: DJ001 (it is in no group, not in "")

    class Meta:
        verbose_name_plural = "due"

    def __str__(self) -> str:
        """Processor, position and state."""
        return f"{self.processor} on {self.event_id}: {self.state}"


class Done(models.Model):
    """A delivery that is done. It stays as it is, unless it is given again."""

    pk = models.CompositePrimaryKey("event", "processor")
    event = _event("+")
    processor = models.CharField(max_length=64)
    attempts = models.PositiveSmallIntegerField(db_default=0)
    retried = models.PositiveSmallIntegerField(db_default=0)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    letter = models.BigIntegerField(null=True)
    fingerprint = models.CharField(max_length=32, db_default="")

    class Meta:
        verbose_name_plural = "done"

    def __str__(self) -> str:
        """Processor and position."""
        return f"{self.processor} on {self.event_id}: done"


class DeadLetter(models.Model):
    """A delivery by its number as a dead letter, to read; also after it was dealt with.

    Without a condition on the number it finds the others as well: they have none.
    """

    letter = models.BigIntegerField(primary_key=True)
    event = _event("+")
    processor = models.CharField(max_length=64)
    key = models.CharField(max_length=200)
    state = _state()
    attempts = models.PositiveSmallIntegerField(db_default=0)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    fingerprint = models.CharField(max_length=32, db_default="")
    retried = models.PositiveSmallIntegerField(db_default=0)

    class Meta:
        managed = False
        db_table = "flowdeck_delivery"

    def __str__(self) -> str:
        """Number, processor, position and state."""
        return f"{self.letter}: {self.processor} on {self.event_id}: {self.state}"


for _model in (Delivery, Due, DeadLetter):
    _model._meta.get_field("state").register_lookup(Among)


class Attempt(models.Model):
    """One failed try at a delivery, kept with its error and traceback."""

    event = _event("+")
    processor = models.CharField(max_length=64)
    delivery = models.ForeignObject(
        Delivery,
        on_delete=models.DO_NOTHING,
        from_fields=["event", "processor"],
        to_fields=["event", "processor"],
        related_name="failures",
    )
    number = models.PositiveSmallIntegerField()
    outcome = models.CharField(
        max_length=8, choices=[(one, one.capitalize()) for one in AttemptOutcome]
    )
    error = models.CharField(max_length=200)
    message = models.TextField()
    traceback = models.TextField()
    frame = models.CharField(max_length=300)
    fingerprint = models.CharField(max_length=32)
    worker = models.CharField(max_length=100)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()

    class Meta:
        ordering = ["event_id", "processor", "number"]
        indexes = [
            models.Index(fields=["event", "processor"], name="flowdeck_attempt_delivery"),
            models.Index(fields=["finished_at"], name="flowdeck_attempt_ended"),
        ]

    def __str__(self) -> str:
        """Number and error."""
        return f"attempt {self.number}: {self.error}"

    @property
    def delivery_pk(self) -> tuple[int, str]:
        """The primary key of its delivery: the position of the event, and the processor."""
        return self.event_id, self.processor

    @property
    def delivery_name(self) -> str:
        """As :attr:`Delivery.name`."""
        return f"{self.event_id}-{self.processor}"


class Answer(models.Model):
    """What the outside has answered a handler in one attempt at a delivery.

    ``text`` is JSON, sealed if it is about a person, and empty if its ``size`` was too large.
    """

    event = _event("+")
    processor = models.CharField(max_length=64)
    name = models.CharField(max_length=100)
    attempt = models.PositiveSmallIntegerField()
    text = models.TextField()
    size = models.PositiveIntegerField()
    seconds = models.FloatField()
    at = models.DateTimeField()

    class Meta:
        ordering = ["event_id", "processor", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["event", "processor", "name"], name="flowdeck_answer_of_delivery"
            )
        ]
        indexes = [models.Index(fields=["at"], name="flowdeck_answer_at")]

    def __str__(self) -> str:
        """Whose, and its name."""
        return f"{self.processor}:{self.event_id} {self.name}"
