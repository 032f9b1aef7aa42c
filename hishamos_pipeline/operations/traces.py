"""OpenTelemetry traces, where ``OTEL_EXPORTER_OTLP_ENDPOINT`` says where to send them; nowhere otherwise."""

import logging
import os

from opentelemetry import trace

log = logging.getLogger("hishamos.operations")
_VARIABLES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_FLUSH_MILLISECONDS = 5000


def configure_traces() -> bool:
    """Send spans to the collector that the environment names; whether there is one.

    OpenTelemetry's other variables hold too, such as ``OTEL_SERVICE_NAME`` and ``OTEL_EXPORTER_OTLP_HEADERS``.
    """
    if not any(os.environ.get(name) for name in _VARIABLES):
        return False
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        log.warning("%s is set: install `hishamos-pipeline[otel]` for traces", _VARIABLES[0])
        return False
    if not isinstance(trace.get_tracer_provider(), TracerProvider):
        os.environ.setdefault("OTEL_SERVICE_NAME", "hishamos")
        provider = TracerProvider(resource=Resource.create())
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        trace.set_tracer_provider(provider)
    return True


def flush_traces() -> None:
    """Send what was not sent yet, for at most five seconds; a collector that is away loses it."""
    flush = getattr(trace.get_tracer_provider(), "force_flush", None)
    if flush:
        flush(_FLUSH_MILLISECONDS)
