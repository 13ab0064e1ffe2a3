"""Repairs: a dead letter with another payload, proved before anything is written."""
