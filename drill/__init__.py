"""Breaks a running Flowdeck on purpose and counts what was lost, doubled or out of order.

``make drill`` (``MINUTES=3 SEED=7 DATABASE=postgresql|sqlite RATE=10 WORKERS=3``). See
``docs/drill.md``. It is an app of its own (:mod:`drill.processors`), so its witnesses commit with
the deliveries that they watch.
"""
