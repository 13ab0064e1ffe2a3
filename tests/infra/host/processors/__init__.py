"""A package of the project that is called as one of the shop's; it is no app."""


def thumbnail(name: str) -> str:
    """The name of a smaller picture."""
    return f"{name}-small"
