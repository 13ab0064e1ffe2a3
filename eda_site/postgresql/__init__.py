"""PostgreSQL for the web process: Django's backend, whose threads take turns with connections."""
