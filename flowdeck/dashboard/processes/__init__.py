"""Processes: the state diagram with who stands where, and one instance."""
