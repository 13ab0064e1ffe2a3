"""The log: streams and their events."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.fields.json import KeyTransform

from flowdeck.stored_json import read_object


class ObjectField(models.JSONField):
    """A JSON object. One that can't be read comes as one that says so: a row is never an error."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """The object of the stored text."""
        if not isinstance(value, str) or isinstance(expression, KeyTransform):
            return super().from_db_value(value, expression, connection)
        return read_object(value)

    def deconstruct(self) -> Any:
        """As what it is to the database."""
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.JSONField", args, kwargs


class Stream(models.Model):
    """The head of one stream: how many events it has. Its row lock serialises appends to it.

    A key that events of several streams share is locked by the stream of its name, which may have
    no events: its head is 0.
    """

    name = models.CharField(max_length=200, primary_key=True)
    head = models.BigIntegerField()

    def __str__(self) -> str:
        """Name and length, as pages write it."""
        return f"{self.name}#{self.head}"


class Event(models.Model):
    """One immutable record of the log. The database itself refuses UPDATE and DELETE."""

    position = models.BigAutoField(primary_key=True)
    id = models.UUIDField(unique=True, editable=False)
    stream = models.CharField(max_length=200)
    sequence = models.BigIntegerField()
    type = models.CharField(max_length=100)
    version = models.PositiveSmallIntegerField()
    data = ObjectField()
    metadata = ObjectField(default=dict)
    key = models.CharField(max_length=200)
    correlation_id = models.UUIDField()
    causation_id = models.UUIDField(null=True)
    producer = models.CharField(max_length=64)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(
                fields=["stream", "sequence"], name="flowdeck_event_stream_sequence"
            )
        ]
        indexes = [
            models.Index(fields=["correlation_id", "position"], name="flowdeck_event_correlation"),
            models.Index(fields=["type", "position"], name="flowdeck_event_type"),
        ]

    def __str__(self) -> str:
        """Type and place in its stream."""
        return f"{self.type} {self.stream}#{self.sequence}"
