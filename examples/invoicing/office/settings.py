"""What ``startproject`` makes; what Flowdeck needs stands at the end."""

import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = os.environ.get("SECRET_KEY", "only-for-an-example-" * 3)
DEBUG = os.environ.get("DEBUG", "1") == "1"
ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
ROOT_URLCONF = "office.urls"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "invoices",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
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
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": BASE_DIR / "office.sqlite3",
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "init_command": "PRAGMA journal_mode=WAL"},
    }
}
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STATIC_URL = "static/"
LOGIN_URL = "login"

# Flowdeck -------------------------------------------------------------------------------------
INSTALLED_APPS += ["channels", "django_htmx", "flowdeck.apps.FlowdeckConfig"]
REDIS_URL = os.environ.get("REDIS_URL", "redis://localhost:6379/0")
PARCELS_URL = os.environ.get("PARCELS_URL", "http://localhost:8000/betrieb")
FLOWDECK = {
    "REDIS_URL": REDIS_URL,
    "PREFIX": "office",
    "PRODUCER": "office",
    "BROKERS": {"rabbit": os.environ.get("AMQP_URL", "amqp://localhost//") + "?declare=quorum"},
    "TRACES_ELSEWHERE": {
        "labels": PARCELS_URL + "/traces/{correlation_id}/",
        "invoices": PARCELS_URL + "/traces/{correlation_id}/",
    },
}
CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL", REDIS_URL)
CELERY_TASK_DEFAULT_QUEUE = "office"
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL]},
    }
}
ASGI_APPLICATION = "office.asgi.application"
