"""The log itself: what is appended to it, and how it is read."""
