"""The workers."""

import os

from celery import Celery

from office.tracing import send_spans

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "office.settings")
send_spans("invoicing")

app = Celery("office")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
