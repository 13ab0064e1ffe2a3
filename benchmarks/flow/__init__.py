"""An app as a user of ``events`` writes one: an event type and a processor for each measure."""
