"""The read model."""

from django.db import models


class ParcelStatus(models.Model):
    """How far each parcel is."""

    tenant = models.CharField(max_length=40)
    parcel = models.IntegerField(unique=True)
    status = models.CharField(max_length=20, default="announced")
    label = models.CharField(max_length=40, default="")
    invoice = models.CharField(max_length=40, default="")

    def __str__(self) -> str:
        """Parcel and status."""
        return f"{self.parcel}: {self.status}"
