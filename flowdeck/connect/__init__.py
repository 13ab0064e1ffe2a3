"""Connectors: outlets hand the log to other systems, inlets take messages of theirs into it."""
