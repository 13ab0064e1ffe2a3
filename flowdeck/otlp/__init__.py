"""OTLP over HTTP: spans that other programs send, to be shown beside ours."""
