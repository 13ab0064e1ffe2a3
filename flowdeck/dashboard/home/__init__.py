"""The first page: is all well, what changed, what comes first."""
