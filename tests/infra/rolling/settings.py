"""Settings of the project; ``ROLLING_CODE`` says which of its two ages a process has."""

from __future__ import annotations

import json
import os

SECRET_KEY = "rolling"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "tests.infra.two_databases_urls"
STATIC_URL = "/static/"
CODE = os.environ["ROLLING_CODE"]
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django_htmx",
    "flowdeck.apps.FlowdeckConfig",
    "tests.infra.rolling.RollingConfig",
]
DATABASES = {"default": json.loads(os.environ["ROLLING_DATABASE"])}
FLOWDECK = {"RELEASE": CODE, "SWEEP_SECONDS": 0.2, "DISCOVER": [], "LOGOUT_URL": ""}
