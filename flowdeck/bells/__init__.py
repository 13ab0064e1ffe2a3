"""Doorbells over Redis: there is work. They carry no state."""
