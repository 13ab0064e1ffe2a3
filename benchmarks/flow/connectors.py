"""An outlet of all events, if a measure wants one."""

from __future__ import annotations

import os

from flowdeck import outlet

if os.environ.get("BENCH_OUTLET"):
    outlet("bench", broker="bench", to="bench", start="end")
