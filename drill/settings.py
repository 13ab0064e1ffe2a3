"""The site's settings with the drill's witnesses, and a lease short enough to be outlived.

The only differences from a site under ``make run``: ``LEASE_SECONDS`` is 5 instead of 30 (workers
are frozen past it, and a drill of minutes has to see it end often).
"""

from eda_site.settings import *  # noqa: F403
from eda_site.settings import FLOWDECK, INSTALLED_APPS

LEASE_SECONDS = 5.0
EXITS = "exits"  # as long as the home has a file of this name, witnesses call sys.exit()
INSTALLED_APPS = [*INSTALLED_APPS, "drill.apps.DrillConfig"]
FLOWDECK = {**FLOWDECK, "LEASE_SECONDS": LEASE_SECONDS}
