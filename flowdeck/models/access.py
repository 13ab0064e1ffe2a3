"""Bearer tokens of the JSON API."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class ApiToken(models.Model):
    """A revocable bearer token. Only its SHA-256 digest is stored; the token is shown once.

    ``scope`` narrows what its user may do: ``read`` looks only, ``send`` publishes events and does
    nothing else. ``types`` are the event types that it may publish, with spaces between; none: all.
    """

    class Scope(models.TextChoices):
        FULL = "full", "all that I may do"
        READ = "read", "look only"
        SEND = "send", "publish events only"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens"
    )
    name = models.CharField(max_length=60, default="")
    scope = models.CharField(max_length=4, choices=Scope, default=Scope.FULL)
    types = models.TextField(db_default="")
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        """Whose, never what."""
        return f"token {self.pk} of {self.user}"
