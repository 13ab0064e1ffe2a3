"""A project that had its pages, its groups and its names long before Flowdeck came."""

from mysite.celery import app as celery_app

__all__ = ["celery_app"]
