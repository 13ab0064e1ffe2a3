"""The site: the only place that knows both the event runtime and the shop."""

from eda_site.celery import app as celery_app

__all__ = ["celery_app"]
