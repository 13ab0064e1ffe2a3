"""The log, out and in again: CloudEvents, archives."""
