"""Settings of the benchmarks: the site's, with the app that holds what is measured."""

import os

from eda_site.settings import *  # noqa: F403
from eda_site.settings import FLOWDECK, INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "benchmarks.flow.apps.FlowConfig"]
FLOWDECK = {**FLOWDECK, "BROKERS": {"bench": os.environ.get("BENCH_OUTLET", "")}}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
