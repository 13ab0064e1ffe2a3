"""The dead letters' console."""
