"""What ``startproject`` makes; what Flowdeck needs stands at the end."""

import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = os.environ.get("SECRET_KEY", "only-for-an-example-" * 3)
DEBUG = os.environ.get("DEBUG", "1") == "1"
ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
ROOT_URLCONF = "depot.urls"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "people",
    "parcels",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
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
_SQLITE = {
    "ENGINE": "django.db.backends.sqlite3",
    "OPTIONS": {
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL",
    },
}
DATABASES = {
    "default": {**_SQLITE, "NAME": BASE_DIR / "people.sqlite3"},
    "log": {**_SQLITE, "NAME": BASE_DIR / "log.sqlite3"},
}
AUTH_USER_MODEL = "people.Person"
LANGUAGE_CODE, TIME_ZONE = "de", "Europe/Berlin"
USE_TZ = USE_THOUSAND_SEPARATOR = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "collected"
LOGIN_URL = "login"

# Flowdeck -------------------------------------------------------------------------------------
INSTALLED_APPS += ["channels", "django_htmx", "flowdeck.apps.FlowdeckConfig"]
REDIS_URL = os.environ.get("REDIS_URL", "redis://localhost:6379/0")
INVOICING_URL = os.environ.get("INVOICING_URL", "http://localhost:8001")
FLOWDECK = {
    "REDIS_URL": REDIS_URL,
    "PREFIX": "depot",
    "PRODUCER": "depot",
    "DATABASE": "log",
    "BROKERS": {"rabbit": os.environ.get("AMQP_URL", "amqp://localhost//") + "?declare=quorum"},
    "TRACES_ELSEWHERE": {
        "labels": INVOICING_URL + "/traces/{correlation_id}/",
        "invoices": INVOICING_URL + "/traces/{correlation_id}/",
    },
}
BESIDE_THE_LOG = {"parcels"}  # apps whose tables commit with it
DATABASE_ROUTERS = ["depot.routers.ReadModels", "flowdeck.database.Router"]
CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL", REDIS_URL)
CELERY_TASK_DEFAULT_QUEUE = "depot"
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL]},
    }
}
ASGI_APPLICATION = "depot.asgi.application"
CARRIER_URL = os.environ.get("CARRIER_URL", "http://localhost:9/labels")
