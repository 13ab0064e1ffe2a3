"""The workers."""

import os

from celery import Celery

from depot.tracing import send_spans

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "depot.settings")
send_spans("parcels")

app = Celery("depot")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
