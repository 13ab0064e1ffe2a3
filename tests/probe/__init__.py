"""A Django app as a user of ``flowdeck`` would write one, whose handlers do what the event says.

It stands for "somebody else's domain" in the tests: the engine and the shop know nothing of it.
"""
