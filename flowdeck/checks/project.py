"""What ``manage.py check`` finds in a project: declarations and settings that can't work."""

from __future__ import annotations

import sys
from typing import Any

from celery import current_app
from channels.layers import get_channel_layer
from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error, Warning, register
from django.db import router

from flowdeck.bells import line, messages
from flowdeck.conf import conf
from flowdeck.connect import brokers, connectors
from flowdeck.connect.outlets import outlets
from flowdeck.connect.webhooks import fault_of, webhooks
from flowdeck.dashboard.shell.navigation import sign_out_url
from flowdeck.database import WITH_PEOPLE, alias, connection
from flowdeck.declare.registry import registry
from flowdeck.declare.upcasting import faults, gaps
from flowdeck.models.user_name import LONGEST_USER_NAME
from flowdeck.words import counted

_GREEN = ("gevent", "eventlet")


@register("flowdeck")
def declarations(**_: Any) -> list[CheckMessage]:
    """Duplicate names, unknown types, gaps in upcaster chains."""
    found: list[CheckMessage] = [Error(text, id="flowdeck.E001") for text in registry.problems]
    found += [Error(text, hint="Declare it with @upcaster.", id="flowdeck.E002") for text in gaps()]
    found += [Error(text, id="flowdeck.E005") for text in faults()]
    for processor in registry.processors.values():
        unknown = sorted(set(processor.subscriptions) - set(registry.event_types))
        if unknown:
            found.append(
                Error(
                    f"Processor {processor.name!r} subscribes to {', '.join(unknown)}, which no "
                    "installed app declares.",
                    id="flowdeck.E003",
                )
            )
    return found


@register("flowdeck")
def pools(**_: Any) -> list[CheckMessage]:
    """Handlers that the pool of the worker, or the one that is set, can't call."""
    if not (_green_here() or str(current_app.conf.worker_pool) in _GREEN):
        return []
    names = [one.name for one in registry.processors.values() if one.asynchronous]
    if not names:
        return []
    return [
        Error(
            f"Workers with greenlets (gevent, eventlet) have no event loop, which {names[0]!r} and "
            f"its like need ({counted(len(names), 'async def')}).",
            hint="Use -P prefork, threads or solo, or declare it without async.",
            id="flowdeck.E014",
        )
    ]


def _green_here() -> bool:
    gevent, eventlet = sys.modules.get("gevent.monkey"), sys.modules.get("eventlet.patcher")
    return bool(
        (gevent is not None and gevent.is_module_patched("socket"))
        or (eventlet is not None and eventlet.is_monkey_patched("socket"))
    )


@register("flowdeck")
def surroundings(**_: Any) -> list[CheckMessage]:
    """Database and Redis settings."""
    found: list[CheckMessage] = []
    if connection.vendor not in ("postgresql", "sqlite"):
        found.append(
            Error(
                f"flowdeck runs on PostgreSQL and SQLite, not on {connection.vendor}.",
                id="flowdeck.E004",
            )
        )
    if not settings.USE_TZ:
        found.append(
            Error(
                "USE_TZ is False: moments are kept with their time zone, or retries would not find "
                "their time.",
                hint="Set USE_TZ = True; TIME_ZONE stays what it is.",
                id="flowdeck.E007",
            )
        )
    if conf().IN_PROCESS_WORKER:
        return found
    if not conf().REDIS_URL:
        found.append(
            Warning(
                "FLOWDECK['REDIS_URL'] is not set: bells are not de-bounced.",
                hint="Set it to the URL of a Redis.",
                id="flowdeck.W001",
            )
        )
    if fault := _broker_fault():
        found.append(
            Error(
                f"Celery can't ring bells: {fault}",
                hint="Set CELERY_BROKER_URL to a broker Celery knows, such as redis://host:6379/0.",
                id="flowdeck.E006",
            )
        )
    elif conf().REDIS_URL and messages.credentials_differ(conf().REDIS_URL):
        found.append(
            Error(
                "FLOWDECK['REDIS_URL'] and CELERY_BROKER_URL name the same Redis, but only one of "
                "them gives a password: bells would be rung that no worker can hear, or the other "
                "way round.",
                hint="Give it in both. For Celery, of a socket: redis+socket://:password@/path",
                id="flowdeck.E008",
            )
        )
    if get_channel_layer() is None:
        found.append(
            Warning(
                "CHANNEL_LAYERS has no default layer: open pages are told of changes late.",
                hint="Set it, for instance to channels_redis.pubsub.RedisPubSubChannelLayer.",
                id="flowdeck.W002",
            )
        )
    return found


@register("flowdeck")
def outside(**_: Any) -> list[CheckMessage]:
    """Brokers without an address or client, and types that nobody declares."""
    found: list[CheckMessage] = []
    for name in connectors.names():
        if fault := brokers.fault(connectors.named(name).broker):
            found.append(Error(f"Connector {name!r}: {fault}", id="flowdeck.E010"))
    for name, hook in webhooks.items():
        if fault := fault_of(hook):
            found.append(Error(f"Webhook {name!r}: {fault}", id="flowdeck.E010"))
    return found + _of_outlets()


def _of_outlets() -> list[CheckMessage]:
    found: list[CheckMessage] = []
    for one in outlets.values():
        known = one.of == "deliveries" and not brokers.fault(one.broker)
        if known and (said := brokers.no_files(one.broker)):
            found.append(Error(f"Outlet {one.name!r}: {said}", id="flowdeck.E010"))
        if unknown := sorted(set(one.types) - set(registry.event_types)):
            found.append(
                Error(
                    f"Outlet {one.name!r} hands on {', '.join(unknown)}, which no installed app "
                    "declares.",
                    id="flowdeck.E011",
                )
            )
    return found


@register("flowdeck")
def databases(**_: Any) -> list[CheckMessage]:
    """Where the tables of the library and of read models lie."""
    elsewhere = {
        used
        for model in apps.get_app_config("flowdeck").get_models()
        if model._meta.model_name not in WITH_PEOPLE
        for used in (router.db_for_read(model), router.db_for_write(model))
    } - {alias()}
    found: list[CheckMessage] = [
        Error(
            f"FLOWDECK['DATABASE'] is {alias()!r}, but models of flowdeck are routed to {used!r}.",
            hint="Put 'flowdeck.database.Router' first into DATABASE_ROUTERS.",
            id="flowdeck.E013",
        )
        for used in sorted(elsewhere)
    ]
    return found + [
        Warning(
            f"Projection {processor.name!r} writes {model._meta.label}, which is routed to "
            f"{router.db_for_write(model)!r}: its effects do not commit with the delivery, which "
            f"does in {alias()!r}. They may count twice after a crash, and it can't be replayed.",
            hint="Route the read model to the database of the log, or write it idempotently.",
            id="flowdeck.W006",
        )
        for processor in registry.processors.values()
        for model in processor.models
        if router.db_for_write(model) != alias()
    ]


@register("flowdeck")
def people(**_: Any) -> list[CheckMessage]:
    """What is asked and kept of people."""
    user = get_user_model()
    found: list[CheckMessage] = []
    if not hasattr(user, "has_perm"):
        found.append(
            Error(
                f"{user.__name__} has no has_perm(): nobody can be allowed anything.",
                hint="Let it inherit django.contrib.auth.models.PermissionsMixin.",
                id="flowdeck.E012",
            )
        )
    longest = getattr(user._meta.get_field(user.USERNAME_FIELD), "max_length", None) or 0
    if longest <= LONGEST_USER_NAME:
        return found
    return [
        *found,
        Error(
            f"{user.__name__}.{user.USERNAME_FIELD} may have {longest} characters; the audit keeps "
            f"names of at most {LONGEST_USER_NAME}.",
            hint=f"Limit it to {LONGEST_USER_NAME} characters.",
            id="flowdeck.E009",
        ),
    ]


@register("flowdeck", deploy=True)
def workers(**_: Any) -> list[CheckMessage]:
    """Who does the work."""
    if not conf().IN_PROCESS_WORKER:
        return []
    return [
        Error(
            "FLOWDECK['IN_PROCESS_WORKER'] is on: bells reach nobody but `manage.py runserver`, "
            "which serves for development only.",
            hint="Write {'IN_PROCESS_WORKER': DEBUG}, and start Celery workers.",
            id="flowdeck.E015",
        )
    ]


@register("flowdeck", deploy=True)
def passwords(**_: Any) -> list[CheckMessage]:
    """Whether API tokens end with the password of whoever made them."""
    ending = "flowdeck.people.passwords.TokensEnd"
    if any(one.get("NAME") == ending for one in settings.AUTH_PASSWORD_VALIDATORS):
        return []
    return [
        Warning(
            "API tokens outlive a changed password: who knew the old one may have made some.",
            hint=f"Add {{'NAME': {ending!r}}} to AUTH_PASSWORD_VALIDATORS.",
            id="flowdeck.W007",
        )
    ]


@register("flowdeck")
def pages(**_: Any) -> list[CheckMessage]:
    """Addresses of the project that pages lead to."""
    if not conf().LOGOUT_URL or sign_out_url():
        return []
    return [
        Warning(
            f"FLOWDECK['LOGOUT_URL'] is {conf().LOGOUT_URL!r}, but no address has that name: "
            "pages have no button for signing out.",
            hint="Name the address of your LogoutView, or set it to an empty text.",
            id="flowdeck.W020",
        )
    ]


def _broker_fault() -> str:
    """What is wrong with the URLs of Redis and the broker; a bell rings after the commit."""
    try:
        if conf().REDIS_URL:
            line.client(conf().REDIS_URL)
    except (TypeError, ValueError) as error:
        return f"FLOWDECK['REDIS_URL']: {error}"
    try:
        current_app.connection_for_write()
    except (KeyError, ValueError, ImportError) as error:
        return str(error).strip("'\"")
    except TypeError as error:  # what stands behind the "?" is handed on as it is
        return f"CELERY_BROKER_URL has a parameter that Celery does not know ({error})."
    return ""
