"""Pages and their socket."""

import os

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "depot.settings")
pages = get_asgi_application()

from flowdeck.live.origin import SameOrigin  # noqa: E402 (needs the settings)
from flowdeck.live.routing import websocket_urlpatterns  # noqa: E402

socket = URLRouter([path("betrieb/", URLRouter(websocket_urlpatterns))])
application = ProtocolTypeRouter(
    {"http": pages, "websocket": SameOrigin(AuthMiddlewareStack(socket))}
)
