"""A project that had its pages, its groups and its names long before Flowdeck came."""
