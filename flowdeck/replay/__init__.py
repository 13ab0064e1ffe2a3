"""Replay: run projections over the stored log again, beside the live read models.

``runs`` is where to begin: a run is asked for, executed and kept as a row.
"""
