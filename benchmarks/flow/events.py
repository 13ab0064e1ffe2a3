"""One event type for each way of handling, so that a run sets off one processor only."""

from flowdeck import Event


class Pinged(Event, version=1):
    """For a handler that does nothing."""

    n: int


class Asked(Event, version=1):
    """For a handler that answers with an event."""

    n: int


class Answered(Event, version=1):
    """The answer; nobody listens."""

    n: int


class Noted(Event, version=1):
    """For a handler that writes one row through the ORM."""

    n: int


class Gathered(Event, version=1):
    """For a handler that writes the rows of a whole batch at once."""

    n: int


class Timed(Event, version=1):
    """For a handler that tells how long ago it was published (``at``, seconds since 1970)."""

    at: float


class Served(Event, version=1):
    """For a handler that has limits for each tenant apart."""

    n: int
    tenant: str


class Called(Event, version=1):
    """For a handler that calls somebody else's server."""

    n: int
