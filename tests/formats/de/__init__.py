"""Its numbers."""
