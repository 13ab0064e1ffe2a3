"""Work of the project's own."""

from celery import shared_task
from django.contrib.auth.models import Group


@shared_task
def greet():
    """What beat sends."""
    Group.objects.get_or_create(name="greeted by beat")
