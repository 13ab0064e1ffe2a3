"""The app."""

from django.apps import AppConfig


class EventsConfig(AppConfig):
    """Its label is ``events``, as in many projects."""

    name = "mysite.events"
    label = "events"
