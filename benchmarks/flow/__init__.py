"""An app as a user of ``flowdeck`` writes one: an event type and a processor for each measure."""
