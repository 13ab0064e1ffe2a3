"""The pages: their addresses, static files, the live layer, and what a server makes of them."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from asgiref.sync import async_to_sync
from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse

from flowdeck.conf import conf
from flowdeck.live.announce import group
from flowdeck.management.doctor.finding import Finding

_SCRIPT = "flowdeck/js/main.js"
_TIMEOUT = 3.0


def addresses() -> Iterator[Finding]:
    """Whether the pages have any."""
    try:
        yield Finding(True, f"pages at {reverse('flowdeck:home')}")
    except NoReverseMatch:
        yield Finding(
            False, "no page has an address", "Put include('flowdeck.urls') into your URLconf."
        )


def static_files() -> Iterator[Finding]:
    """Whether scripts and styles are found, and collected where they are served collected."""
    if finders.find(_SCRIPT) is None:
        yield Finding(
            False,
            f"{_SCRIPT} is found by no finder",
            "Keep AppDirectoriesFinder in STATICFILES_FINDERS.",
        )
        return
    try:
        collected = staticfiles_storage.exists(_SCRIPT) and bool(static(_SCRIPT))
    except ValueError:  # a manifest without it
        collected = False
    yield Finding(
        settings.DEBUG or collected,
        "static files are found" if settings.DEBUG or collected else f"{_SCRIPT} is not collected",
        "Run `manage.py collectstatic`.",
    )


def live_layer() -> Iterator[Finding]:
    """Whether a message of one process would reach the pages of another."""
    layer = get_channel_layer()
    if layer is None or conf().IN_PROCESS_WORKER:
        return  # a check says so, or there is one process only
    if isinstance(layer, InMemoryChannelLayer):
        yield Finding(
            False,
            "the channel layer lives in one process: pages hear nothing of workers",
            "Use channels_redis.pubsub.RedisPubSubChannelLayer in CHANNEL_LAYERS.",
        )
        return

    async def there_and_back() -> None:
        name = await layer.new_channel()
        await layer.group_add(group(), name)
        try:
            await layer.group_send(group(), {"type": "flowdeck.doctor"})
            while (await layer.receive(name))["type"] != "flowdeck.doctor":
                pass  # what others tell
        finally:
            await layer.group_discard(group(), name)

    async def in_time() -> None:
        await asyncio.wait_for(there_and_back(), _TIMEOUT)

    try:
        async_to_sync(in_time)()
    except Exception as error:  # whatever its backend raises
        yield Finding(
            False,
            f"the channel layer carries no message: {type(error).__name__} {error}",
            "Mend CHANNEL_LAYERS: its hosts and password.",
        )
    else:
        yield Finding(True, "the channel layer carries messages")


def served_at(url: str) -> Callable[[], Iterator[Finding]]:
    """Looks at a running server, from outside: a page, a script and the socket."""

    def server() -> Iterator[Finding]:
        try:
            yield from _asked(url)
        except (OSError, HTTPException) as error:
            yield Finding(False, f"{url}: {error}", "Start the server, or give its address.")

    return server


def _asked(url: str) -> Iterator[Finding]:
    status = _status(url, reverse("flowdeck:home"))
    yield Finding(
        status in (200, 302, 403),
        f"{url} answers {status}",
        "400: name its host in ALLOWED_HOSTS. 404: another project is served there.",
    )
    status = _status(url, static(_SCRIPT))
    yield Finding(
        status == 200,
        f"its scripts answer {status}",
        "Let the server or the proxy serve STATIC_ROOT at STATIC_URL.",
    )
    key = base64.b64encode(os.urandom(16)).decode()
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": key,
        "Origin": url.rstrip("/"),
    }
    status = _status(url, reverse("flowdeck:live"), upgrade)
    # 403: the socket itself refuses whoever is not signed in, so it is there.
    yield Finding(
        status in (101, 403),
        f"its socket answers {status}",
        "Serve it with ASGI, route flowdeck.live.routing.websocket_urlpatterns below the same "
        "prefix as the pages, and let the proxy pass upgrades.",
    )


def _status(url: str, path: str, headers: dict[str, str] | None = None) -> int:
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_TIMEOUT)
    try:
        connection.request("GET", path, headers=headers or {})
        return connection.getresponse().status
    finally:
        connection.close()
