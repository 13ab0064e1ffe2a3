"""Settings of the benchmarks: the site's, with the app that holds what is measured."""

from eda_site.settings import *  # noqa: F403
from eda_site.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "benchmarks.flow.apps.FlowConfig"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
