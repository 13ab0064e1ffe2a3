"""Views of the log that people keep."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class SavedView(models.Model):
    """A filter of the log under a name: the owner's own, or ``shared`` with all who see the log."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="flowdeck_saved_views"
    )
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=1000)
    shared = models.BooleanField(default=False)
    saved_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="flowdeck_saved_view_of_owner")
        ]
        indexes = [
            models.Index(
                fields=["name"], condition=models.Q(shared=True), name="flowdeck_saved_view_shared"
            )
        ]

    def __str__(self) -> str:
        """Its name."""
        return self.name
