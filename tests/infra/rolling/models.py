"""What the handlers of both ages write."""

from django.db import models


class Seen(models.Model):
    """One effect: which processor, of which event, in the order in which they were."""

    processor = models.CharField(max_length=64)
    stream = models.CharField(max_length=200)
    sequence = models.BigIntegerField()
    position = models.BigIntegerField()


def see(delivery: object) -> None:
    """Write it down."""
    envelope = delivery.envelope  # type: ignore[attr-defined]
    Seen.objects.create(
        processor=delivery.processor,  # type: ignore[attr-defined]
        stream=envelope.stream,
        sequence=envelope.sequence,
        position=envelope.position,
    )
