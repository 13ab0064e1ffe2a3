"""Why something has not happened: a chain of facts out of rows and declarations. No model."""
