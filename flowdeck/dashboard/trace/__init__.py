"""Traces: list, waterfall, graph, sequence, comparison."""
