"""``make run``: one supervisor that starts, watches and stops everything a Flowdeck needs."""
