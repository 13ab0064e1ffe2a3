"""Objectives (SLO): what share of what begins gets somewhere in time, and what is left to miss."""
