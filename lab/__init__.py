"""The lab: event-driven architecture taught by breaking it, on evidence from the log."""
