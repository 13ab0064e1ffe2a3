"""Who gets what, everywhere: the table, and the ways to find out what is really so."""
