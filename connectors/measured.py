"""A call as a span: where it went and what came of it. The path is what may be shown, without its query."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from config import spans
from connectors.addresses import Origin


class Measured:
    def __init__(self, span: spans.Span):
        self._span = span

    def answered(self, status: int) -> None:
        self._span.set({"http.response.status_code": status})
        if status >= 400:
            self._span.failed(str(status))


@contextmanager
def call(who: str, at: Origin, method: str, path: str) -> Iterator[Measured]:
    """Attributes as OpenTelemetry's conventions for HTTP clients name them."""
    about = {"http.request.method": method, "server.address": at.host, "server.port": at.port, "url.path": path.partition("?")[0]}
    with spans.span(method, client=True, about={**about, "tieback.who": who}) as span:
        yield Measured(span)
