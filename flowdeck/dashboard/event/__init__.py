"""One event, as the drawer and its page show it."""
