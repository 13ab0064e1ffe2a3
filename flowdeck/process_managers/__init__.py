"""Process managers: what an app says of a flow, and keeping its instances exactly once."""
