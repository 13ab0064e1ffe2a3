"""Flowdeck measured beside its peers, in turn, on the same servers: ``make bench``."""
