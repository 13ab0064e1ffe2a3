"""Reading how it is; nothing here writes."""
