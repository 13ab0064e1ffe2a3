"""Settings and router of a project that keeps its log in a database of its own."""

from __future__ import annotations

import json
import os
from typing import Any

SECRET_KEY = "two"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "tests.infra.two_databases_urls"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE, USE_THOUSAND_SEPARATOR = "de", True
STATIC_URL, LOGIN_URL = "/static/", "login"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django_htmx",
    "flowdeck.apps.FlowdeckConfig",
    "tests.probe.apps.ProbeConfig",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DATABASES = json.loads(os.environ.get("TWO_DATABASES", '{"default": {}, "log": {}}'))
DATABASE_ROUTERS = ["flowdeck.database.Router", "tests.infra.two_databases.ReadModels"]
FLOWDECK = {"DATABASE": "log", "REDIS_URL": os.environ.get("REDIS_URL", ""), "LOGOUT_URL": ""}


class ReadModels:
    """What the probe's handlers write commits with their deliveries."""

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return "log" if model._meta.app_label == "probe" else None

    db_for_write = db_for_read

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == ("log" if app_label == "probe" else "default")
