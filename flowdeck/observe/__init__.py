"""Reading the state of log, processors and workers; nothing here writes."""
