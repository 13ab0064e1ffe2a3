"""Live views: pages that show within moments what a reload of them would show.

Whoever commits a change announces it (:mod:`flowdeck.live.announce`); one feed per web process
reads what is new once, renders it once and hands the same bytes to all sockets that watch it
(:mod:`flowdeck.live.feed`). An app adds its own views::

    from flowdeck import live

    live.register("parcels", ParcelsView)
"""

from flowdeck.live.changes import Changes
from flowdeck.live.views import Fragment, LiveView, Refusal, register

__all__ = ["Changes", "Fragment", "LiveView", "Refusal", "register"]
