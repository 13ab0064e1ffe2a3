"""Django settings; everything that differs between machines comes from the environment.

==================== ==========================================================================
FLOWDECK_HOME        folder for all that is written: database, sockets, logs (default ``var/``)
FLOWDECK_DEMO        1: demo accounts, loopback only; 0: production (default: see environment.py)
DATABASE_URL         default: SQLite in FLOWDECK_HOME; production: ``postgresql://...``
DATABASE_POOL        connections to PostgreSQL of one web process, at most (default 20)
DATABASE_POOLER      1 if DATABASE_URL leads to a pooler in transaction mode, such as PgBouncer
REDIS_URL            default: the Redis that ``make run`` starts in FLOWDECK_HOME
CELERY_BROKER_URL    default: REDIS_URL; any broker that Celery knows
SECRET_KEY           needed outside of demo mode
ALLOWED_HOSTS        needed outside of demo mode; comma-separated
SITE_URL             where people open the pages, for links in mails and webhooks (default: none)
CSRF_TRUSTED_ORIGINS comma-separated, with scheme, if a proxy changes the host name
HTTPS                0 if production is served over plain HTTP (default 1 outside of demo mode)
HSTS_PRELOAD         1 to ask browsers to list the host as HTTPS-only for good (default 0)
TRUSTED_PROXIES      addresses and networks of the proxies in front, comma-separated: what they say
                     of a client (X-Forwarded-For, X-Forwarded-Proto) is believed; nobody else
DEBUG                1 for Django's debug pages and reloaded static files (default 0)
LOG_LEVEL            default INFO
==================== ==========================================================================
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import dj_database_url
from csp.constants import NONE, SELF

from eda_site import environment

BASE_DIR = environment.BASE_DIR
FLOWDECK_HOME = environment.home()

# Mode ------------------------------------------------------------------------
DEBUG = environment.flag("DEBUG", default=False)
DEMO = environment.demo()
DEMO_ACCOUNTS = ("customer", "operator", "teacher") if DEMO else ()
DEMO_PASSWORD = "demo"  # noqa: S105 - meant to be known; the accounts exist in demo mode only
SECRET_KEY = environment.secret_key(DEMO, FLOWDECK_HOME)
ALLOWED_HOSTS = environment.allowed_hosts(DEMO)

# Application -----------------------------------------------------------------
INSTALLED_APPS = [
    "eda_site.apps.SiteAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "channels",
    "axes",
    "csp",
    "django_htmx",
    "flowdeck.apps.FlowdeckConfig",
    "events.apps.ShopConfig",
    "processors.apps.ProcessorsConfig",
    "lab.apps.LabConfig",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "eda_site.headers.headers",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "flowdeck.dashboard.shell.unavailable.UnavailableMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "eda_site.urls"
ASGI_APPLICATION = "eda_site.asgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "libraries": {"site": "eda_site.tags"},
        },
    }
]
EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
EMAIL_TIMEOUT = 10  # seconds of silence
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True

# Database --------------------------------------------------------------------
_embedded = f"sqlite:///{FLOWDECK_HOME / 'flowdeck.sqlite3'}"
DATABASES: dict[str, Any] = {
    "default": dj_database_url.parse(os.environ.get("DATABASE_URL") or _embedded)
}
_database = DATABASES["default"]
_database["DISABLE_SERVER_SIDE_CURSORS"] = environment.flag("DATABASE_POOLER", default=False)
if _database["ENGINE"] == "django.db.backends.sqlite3":
    # A transaction takes the write lock when it begins: a lock upgrade midway can't wait its turn,
    # it fails at once. WAL lets readers go on meanwhile.
    _database.setdefault("OPTIONS", {}).update(
        transaction_mode="IMMEDIATE",
        timeout=20,
        init_command="PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
    )
elif _connections := environment.number("DATABASE_POOL", default=0):
    # Under ASGI each request has a thread of its own, so that threads take turns with connections.
    # Times in seconds and, the last, milliseconds: a database that is away is not waited for.
    _database["ENGINE"] = "eda_site.postgresql"
    _database.setdefault("OPTIONS", {}).update(
        connections=_connections,
        connect_timeout=2,
        keepalives_idle=5,
        keepalives_interval=2,
        keepalives_count=3,
        tcp_user_timeout=10_000,
    )

# Redis: bells for workers (Celery) and pages (Channels) -----------------------
# A hung Redis must not hang whoever commits: short timeouts, few retries. Celery waits for messages
# in commands of one second, so its timeout has to be well over that.
REDIS_URL = environment.redis_url(FLOWDECK_HOME)
_REDIS_TIMEOUT = 3
CHANNEL_LAYERS: dict[str, Any] = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {
            "hosts": [{"address": REDIS_URL, "socket_timeout": _REDIS_TIMEOUT}],
            "prefix": "flowdeck",
        },
    }
}
FLOWDECK: dict[str, Any] = {
    "REDIS_URL": REDIS_URL,
    "PRODUCER": "shop",
    "TUNE_WORKERS": True,
    "SCHEMAS_LOCK": str(BASE_DIR / "schemas.lock"),
    "BADGE": "demo" if DEMO else "",
    "PROVE_OUTSIDE": DEMO,
    "SITE_URL": os.environ.get("SITE_URL", ""),
}

CELERY_BROKER_URL = environment.broker_url(REDIS_URL)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_CONNECTION_TIMEOUT = _REDIS_TIMEOUT
# A bell finds the database connection of the one before it: to open one, and to plan its statements
# anew, costs more than the work. A broken one is replaced by the drain, all of them now and then.
CELERY_DB_REUSE_MAX = 10_000
if CELERY_BROKER_URL.startswith("redis"):
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "socket_timeout": _REDIS_TIMEOUT,
        "socket_connect_timeout": _REDIS_TIMEOUT,
    }
# Messages are bells and carry no state, so they are neither stored, answered nor handed out twice.
CELERY_TASK_DEFAULT_QUEUE = "flowdeck"
CELERY_TASK_DEFAULT_DELIVERY_MODE = "transient"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_step": 0.1}
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False

# Static files ----------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = FLOWDECK_HOME / "static"
STATIC_ROOT.mkdir(exist_ok=True)  # whitenoise warns of a missing one; the demo leaves it empty
STATICFILES_DIRS = [BASE_DIR / "static"]
# The demo serves the files as they lie; production hashed and compressed, after `collectstatic`.
WHITENOISE_USE_FINDERS = DEMO or DEBUG
WHITENOISE_AUTOREFRESH = DEMO or DEBUG  # or an edited file is sent with its former length
WHITENOISE_MAX_AGE = 0 if DEMO or DEBUG else 60
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage"
            if DEMO or DEBUG
            else "eda_site.static_files.HashedStaticFilesStorage"
        )
    },
}

# Sign-in and safety ----------------------------------------------------------
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "login"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
# Ten wrong passwords for one account from one address, then a quarter of an hour of rest. By the
# pair, so that nobody can lock somebody else out; and by the address (eda_site.lockout).
AXES_HANDLER = "eda_site.lockout.Handler"
AXES_CLIENT_IP_CALLABLE = "eda_site.lockout.address"
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_TEMPLATE = "registration/locked.html"
AXES_RESET_ON_SUCCESS = True
AXES_DISABLE_ACCESS_LOG = True
AXES_VERBOSE = False
_RULES: dict[str, dict[str, Any]] = {
    "UserAttributeSimilarityValidator": {},
    "MinimumLengthValidator": {"min_length": 12},
    "CommonPasswordValidator": {},
    "NumericPasswordValidator": {},
}
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in _RULES.items()
] + [{"NAME": "flowdeck.people.passwords.TokensEnd"}]
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024  # bytes of a request; no form or call needs more
MAX_BODY = 512 * 1024  # bytes; counted as they come, before Django keeps any (eda_site.bodies)
CSRF_TRUSTED_ORIGINS = environment.words("CSRF_TRUSTED_ORIGINS")
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
HTTPS = environment.flag("HTTPS", default=not (DEMO or DEBUG))
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^(livez|readyz)$"]  # probes come over HTTP, past the proxy
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
if HTTPS:
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    # Whoever is on the browsers' list can't leave it for months; nobody gets there by a default.
    SECURE_HSTS_PRELOAD = environment.flag("HSTS_PRELOAD", default=False)
    if not SECURE_HSTS_PRELOAD:
        SILENCED_SYSTEM_CHECKS = ["security.W021"]
TRUSTED_PROXIES = environment.proxies("TRUSTED_PROXIES")
# 'self' in connect-src covers the page's own ws: and wss: address as well (CSP level 3).
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "connect-src": [SELF],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
    }
}

# Logging: one line each, always with the correlation id -----------------------
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"correlation": {"()": "flowdeck.engine.logs.CorrelationFilter"}},
    "formatters": {
        "line": {
            "format": "{asctime} {levelname:<7} {name} [{correlation_id}] {message}",
            "datefmt": "%H:%M:%S",
            "style": "{",
        }
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "filters": ["correlation"],
            "formatter": "line",
        }
    },
    "root": {"handlers": ["console"], "level": os.environ.get("LOG_LEVEL", "INFO").upper()},
    "loggers": {
        "django": {"handlers": [], "propagate": True},
        "django.server": {"handlers": [], "propagate": True},
        "axes": {"level": "WARNING"},
        "celery": {"level": "WARNING"},
        "kombu": {"level": "WARNING"},
        "uvicorn": {"level": "WARNING"},
    },
}
