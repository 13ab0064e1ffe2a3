"""The ASGI application: pages and API over HTTP, live views over websockets."""

import gc
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "eda_site.settings")
os.environ.setdefault("DATABASE_POOL", "20")

from eda_site.one_thread import get_asgi_application

django_application = get_asgi_application()  # sets Django up, which the imports below need

from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.conf import settings  # noqa: E402
from django.urls import get_resolver  # noqa: E402
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware  # noqa: E402

from eda_site.bodies import LimitedBodies  # noqa: E402
from eda_site.loopback import LoopbackOnly  # noqa: E402
from eda_site.tracing import send_spans  # noqa: E402
from flowdeck.live.origin import SameOrigin  # noqa: E402
from flowdeck.live.routing import websocket_urlpatterns  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": LimitedBodies(django_application, settings.MAX_BODY),
        "websocket": SameOrigin(AuthMiddlewareStack(URLRouter(websocket_urlpatterns))),
    }
)
# Whose client and scheme are those of X-Forwarded-For and -Proto; from anybody else they are noise.
application = ProxyHeadersMiddleware(application, settings.TRUSTED_PROXIES)
send_spans("flowdeck-web")
if settings.DEMO:
    application = LoopbackOnly(application)

# What is loaded stays to the end. Left to the collector, it would walk through all of it in every
# full collection, and some request would wait 100 ms for that. A page makes a hundred thousand
# objects, nearly none in cycles: looking after every 700 of them is a tenth of its time.
_ = get_resolver().url_patterns
gc.collect()
gc.freeze()
gc.set_threshold(10_000, 10, 10)
