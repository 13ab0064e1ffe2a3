"""What the probe's handlers write."""

from django.db import models


class Effect(models.Model):
    """One effect of one handler call, through the ORM: it must count exactly once."""

    processor = models.CharField(max_length=64)
    stream = models.CharField(max_length=200)
    sequence = models.BigIntegerField()
    position = models.BigIntegerField()
    attempt = models.PositiveSmallIntegerField()


class Tally(models.Model):
    """A read model: how often each stream was probed."""

    stream = models.CharField(max_length=200, primary_key=True)
    count = models.PositiveIntegerField(default=0)


class Contact(models.Model):
    """A read model of people: what is in it has to be forgotten with them."""

    user_id = models.BigIntegerField(primary_key=True)
    email = models.CharField(max_length=200)
    born = models.DateField()
