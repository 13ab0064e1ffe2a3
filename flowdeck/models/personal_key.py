"""Keys of people: their personal data in the log can be read as long as the key exists."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class PersonalKey(models.Model):
    """The key of one subject, wrapped by the installation's own (:mod:`flowdeck.privacy.keys`).

    ``wrapped`` is empty once the subject was forgotten; the row stays, to tell when. Who comes
    back afterwards gets a new key.
    """

    id = models.CharField(max_length=32, primary_key=True)
    subject = models.CharField(max_length=200)
    wrapped = models.TextField()
    created_at = models.DateTimeField()
    destroyed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subject"],
                condition=Q(destroyed_at__isnull=True),
                name="flowdeck_personal_key_subject",
            )
        ]

    def __str__(self) -> str:
        """Whose, never what."""
        return f"key of {self.subject}"
