"""The processors' page."""
