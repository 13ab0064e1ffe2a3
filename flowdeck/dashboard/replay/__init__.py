"""Replay, redelivery and travel in time."""
