"""What ``startproject`` makes, and a websocket."""

import os

from django.core.asgi import get_asgi_application
from django.urls import path

from mysite.sockets import Echo

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
application = get_asgi_application()
own_sockets = [path("ws/echo/", Echo.as_asgi())]
