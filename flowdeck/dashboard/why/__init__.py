"""Why something has not happened: the question, the chain of facts, what would end it."""
