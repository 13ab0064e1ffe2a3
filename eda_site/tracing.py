"""Spans of the site go to a collector, if the variables of OpenTelemetry name one."""

from __future__ import annotations

import os

from celery.signals import worker_process_shutdown
from opentelemetry import trace

_NAMED_BY = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def send_spans(service: str) -> None:
    """Send what this process and its children record, under the name of ``service``.

    ``OTEL_SERVICE_NAME``, ``OTEL_TRACES_SAMPLER`` and the others mean what OpenTelemetry says.
    Without an endpoint nothing is recorded, and the SDK is not even imported.
    """
    if not any(os.environ.get(name) for name in _NAMED_BY):
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    os.environ.setdefault("OTEL_SERVICE_NAME", service)
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)

    def flush(**_: object) -> None:
        provider.force_flush()

    worker_process_shutdown.connect(flush, weak=False)  # it leaves without an atexit
