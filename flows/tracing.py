"""Tracing: OpenTelemetry spans of a build's stages, where the user's environment asks for them and nowhere else.

``OTEL_EXPORTER_OTLP_ENDPOINT`` sends them to a collector, ``OTEL_TRACES_EXPORTER=console`` prints them to standard
error; both need ``pip install "medloom[otel]"``. A tracer provider that the process already has is used as it is.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from medloom.schemas.errors import CatalogError


def wanted() -> bool:
    """Whether the environment asks for traces."""
    return bool(os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")) or os.environ.get("OTEL_TRACES_EXPORTER") == "console"


@contextmanager
def span(name: str, **attributes: str | int | float) -> Iterator[None]:
    """A span while it lasts; nothing at all where no traces are wanted. What is raised inside is recorded by type."""
    if not wanted():
        yield
        return
    with _tracer().start_as_current_span(name, attributes=attributes, record_exception=False) as made:
        try:
            yield
        except BaseException as error:
            made.set_attribute("error.type", type(error).__name__)
            raise


@cache
def _tracer() -> Any:
    from opentelemetry import trace

    try:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise CatalogError(f"the environment asks for traces ({error}): pip install 'medloom[otel]'") from None
    if not isinstance(trace.get_tracer_provider(), TracerProvider):
        name = os.environ.get("OTEL_SERVICE_NAME", "medloom")
        provider = TracerProvider(resource=Resource.create({"service.name": name}))
        provider.add_span_processor(BatchSpanProcessor(_exporter()))
        trace.set_tracer_provider(provider)
    return trace.get_tracer("medloom")


def _exporter() -> Any:
    if os.environ.get("OTEL_TRACES_EXPORTER") == "console":
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter

        return ConsoleSpanExporter(out=sys.stderr)
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError as error:
        raise CatalogError(
            f"no exporter for OTEL_EXPORTER_OTLP_ENDPOINT ({error}): pip install 'medloom[otel]'"
        ) from None
    return OTLPSpanExporter()
