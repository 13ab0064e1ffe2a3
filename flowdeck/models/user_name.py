"""How long the names of users may be, wherever it is kept who did something."""

LONGEST_USER_NAME = 320
"""Characters: as many as an e-mail address may have, which is a name in many projects."""
