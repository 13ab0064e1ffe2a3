"""Who hears of it."""

from flowdeck import Retry, processor
from mysite.events.events import ConcertAnnounced
from mysite.events.models import Event


@processor("programme", retry=Retry(max_attempts=1))
def list_concert(event: ConcertAnnounced) -> None:
    """Put it on the page; nobody may play without a name."""
    if not event.title:
        raise ValueError("A concert has a title.")
    Event.objects.create(title=event.title)
