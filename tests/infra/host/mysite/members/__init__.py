"""The people of the host: no user name, an e-mail of any length, and keys that are no numbers."""
