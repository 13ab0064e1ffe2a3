"""Pages and their socket."""

import os

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "office.settings")
pages = get_asgi_application()

from flowdeck.live.origin import SameOrigin  # noqa: E402 (needs the settings)
from flowdeck.live.routing import websocket_urlpatterns  # noqa: E402

socket = AuthMiddlewareStack(URLRouter(websocket_urlpatterns))
application = ProtocolTypeRouter({"http": pages, "websocket": SameOrigin(socket)})
