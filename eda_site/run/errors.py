"""What keeps the supervisor from running."""


class CannotRun(Exception):
    """Flowdeck can't be started here; the message says why and what to do."""
