"""The dashboard's own entries of the navigation. Importing this registers them."""

from events.dashboard.navigation import register

register("Watch", "Timeline", "events:timeline", "timeline", 5, "view_log")
register("Watch", "Event log", "events:log", "log", 10, "view_log")
register("Watch", "Traces", "events:traces", "trace", 20, "view_log")
register("Watch", "Flow map", "events:flow", "flow", 30, "view_processors")
register("Operate", "Processors", "events:processors", "processors", 10, "view_processors")
register("Learn", "Catalog", "events:catalog", "catalog", 20, "view_log")
