"""Parcels, from the announcement to the door."""
