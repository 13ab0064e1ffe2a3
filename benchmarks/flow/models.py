from django.db import models


class Note(models.Model):
    """What the handlers with effects write: one row per event."""

    n = models.IntegerField()
    text = models.CharField(max_length=100)
    written_at = models.DateTimeField(auto_now_add=True)
