"""Stands for ``Events`` of PyPI, which opensearch-py brings: a top-level package ``events``."""


class Events:
    """The class that the package is for."""
