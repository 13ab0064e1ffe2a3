"""What happens: found by Flowdeck as in any app."""

from opensearchpy import Index

from flowdeck import Event
from processors import thumbnail


class ConcertAnnounced(Event, version=1):
    """Somebody will play."""

    title: str


index, picture = Index(), thumbnail("poster")
