"""Settings of the tests: the site's, with the probe app and a database file others can open."""

from eda_site.settings import *  # noqa: F403
from eda_site.settings import DATABASES, FLOWDECK_HOME, INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.probe.apps.ProbeConfig"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Nothing that one test has seen may be shown to the next.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Worker processes and threads have to see it, so not in memory.
    DATABASES["default"]["TEST"] = {"NAME": FLOWDECK_HOME / "test.sqlite3"}
    DATABASES["default"]["NAME"] = FLOWDECK_HOME / "unused.sqlite3"
