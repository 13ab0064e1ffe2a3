"""The ASGI application: pages and API over HTTP, live views over websockets."""

import gc
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "eda_site.settings")
os.environ.setdefault("DATABASE_POOL", "20")

from eda_site.one_thread import get_asgi_application

django_application = get_asgi_application()  # sets Django up, which the imports below need

from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402
from django.conf import settings  # noqa: E402
from django.urls import get_resolver  # noqa: E402

from eda_site.loopback import LoopbackOnly  # noqa: E402
from flowdeck.live.routing import websocket_urlpatterns  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": django_application,
        "websocket": AllowedHostsOriginValidator(
            AuthMiddlewareStack(URLRouter(websocket_urlpatterns))
        ),
    }
)
if settings.DEMO:
    application = LoopbackOnly(application)

# What is loaded stays to the end. Left to the collector, it would walk through all of it in every
# full collection, and some request would wait 100 ms for that. A page makes a hundred thousand
# objects, nearly none in cycles: looking after every 700 of them is a tenth of its time.
_ = get_resolver().url_patterns
gc.collect()
gc.freeze()
gc.set_threshold(10_000, 10, 10)
