"""Figures for Prometheus: those that the engine remembers, so any process tells the same."""
