"""For tests of an app that uses ``flowdeck``: :class:`Flow`, and :func:`settle` and
:func:`passes` without it.

With pytest, ``pytest_plugins = ["flowdeck.testing.plugin"]`` in the ``conftest.py`` at the top
brings the fixture ``flow``; with unittest, :class:`FlowMixin` brings ``self.flow``. Neither needs
Redis nor a worker, and both work in the transaction of a ``TestCase``.
"""

from flowdeck.testing.flow import Flow, FlowMixin
from flowdeck.testing.settling import passes, settle

__all__ = ["Flow", "FlowMixin", "passes", "settle"]
