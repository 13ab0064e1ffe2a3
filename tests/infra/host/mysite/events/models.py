"""A table ``events_event``."""

from django.db import models


class Event(models.Model):
    """A concert."""

    title = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.title
