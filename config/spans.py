"""Traces for OpenTelemetry: an event, its reads and runs, their steps, their calls. An extra: `pip install tieback[otel]`.

Switched on by OpenTelemetry's own variables (`OTEL_EXPORTER_OTLP_ENDPOINT` or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`); otherwise
nothing of it is imported, and a span costs one comparison. Spans carry ids and words of ours, never bodies or secrets.
Source: OpenTelemetry specification, environment variables; W3C Trace Context (`traceparent`).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from config.hiding import scrub

log = logging.getLogger("tieback.spans")

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
MOST_SIGNS = 500
FLUSH_MS = 5000


class Span:
    """What is being measured. This one is nobody's, while traces are off."""

    def set(self, about: Mapping[str, Any]) -> None:
        """Attributes; None leaves one out."""

    def failed(self, why: str) -> None:
        """It did not end well."""


class _Live(Span):
    def __init__(self, inner: Any, error: Any):
        self._inner, self._error = inner, error

    def set(self, about: Mapping[str, Any]) -> None:
        for name, value in about.items():
            if value is not None:
                kept = value if isinstance(value, (bool, int, float)) else scrub(str(value))[:MOST_SIGNS]
                self._inner.set_attribute(name, kept)

    def failed(self, why: str) -> None:
        self._inner.set_status(self._error, scrub(why)[:MOST_SIGNS])


class _Tracing:
    """OpenTelemetry, imported."""

    def __init__(self, role: str, env: Mapping[str, str]):
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        name = {} if env.get("OTEL_SERVICE_NAME") else {"service.name": "tieback"}
        self._provider = TracerProvider(resource=Resource.create({**name, "tieback.role": role}))
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("tieback")
        self._trace, self._context = trace, TraceContextTextMapPropagator()

    @contextmanager
    def span(self, name: str, parent: str | None, client: bool) -> Iterator[Span]:
        kind = self._trace.SpanKind.CLIENT if client else self._trace.SpanKind.INTERNAL
        context = self._context.extract({"traceparent": parent}) if parent else None
        with self._tracer.start_as_current_span(
            name, context, kind, record_exception=False, set_status_on_exception=False
        ) as inner:
            live = _Live(inner, self._trace.StatusCode.ERROR)
            try:
                yield live
            except BaseException as error:
                live.failed(type(error).__name__)
                raise

    def current(self) -> str | None:
        carrier: dict[str, str] = {}
        self._context.inject(carrier)
        return carrier.get("traceparent")

    def stop(self) -> None:
        self._provider.force_flush(FLUSH_MS)
        self._provider.shutdown()


_tracing: _Tracing | None = None
_NOBODY = Span()


def start(role: str, env: Mapping[str, str] | None = None) -> bool:
    """Switch traces on where the environment says where they go; whether they are on."""
    global _tracing
    env = os.environ if env is None else env
    off = env.get("OTEL_SDK_DISABLED", "").lower() == "true" or env.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp"
    if off or not any(env.get(name) for name in _ENDPOINTS):
        return False
    try:
        _tracing = _Tracing(role, env)
    except ImportError as error:
        log.warning("traces.off", extra={"tieback": {"error": f"{error}. To switch them on: pip install 'tieback[otel]'"}})
        return False
    return True


def stop() -> None:
    """Send what is left, for five seconds at most."""
    global _tracing
    if _tracing is not None:
        _tracing.stop()
        _tracing = None


@contextmanager
def span(name: str, *, parent: str | None = None, client: bool = False, about: Mapping[str, Any] | None = None) -> Iterator[Span]:
    """Measure what is done inside. `parent` is a `traceparent` that was kept; without it what is measured around this one.
    `about` are its attributes.
    """
    if _tracing is None:
        yield _NOBODY
        return
    with _tracing.span(name, parent, client) as live:
        live.set(about or {})
        yield live


def current() -> str | None:
    """The `traceparent` of what is being measured, to be kept with a row; None when nothing is."""
    return None if _tracing is None else _tracing.current()


def on() -> bool:
    return _tracing is not None
