"""A million shop events rebuilt into all read models: ``make bench-replay``."""
