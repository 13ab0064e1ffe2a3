"""What an app writes down: event types, processors, upcasters, whose data is personal."""
