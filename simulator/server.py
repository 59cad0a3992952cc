"""A threaded HTTP/1.1 server for one WSGI application, with keep-alive.

Werkzeug's own server closes every connection, which would cost a client one handshake per call;
so the bridge between `http.server` and WSGI is here. The application may ask for a broken answer
through the environ: `simulator.cut` is "reset" (no answer) or "truncate" (half of the body).
"""

from __future__ import annotations

import socket
import struct
import sys
import threading
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes
from wsgiref.types import WSGIApplication

CUT = "simulator.cut"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_LONGEST_BODY = 64 * 1024 * 1024


class Server(ThreadingHTTPServer):
    """Listens as soon as it is made; `start` answers in a thread, `stop` closes all connections."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 512

    def __init__(self, address: tuple[str, int], application: WSGIApplication) -> None:
        super().__init__(address, _Bridge)
        self.application = application
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}"

    def server_bind(self) -> None:
        # HTTPServer.server_bind asks the name service for our own name, which can take seconds.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def start(self) -> None:
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
        with self._guard:
            for connection in self._open:
                _shut(connection)
        if self._thread is not None:
            self._thread.join(5)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._guard:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news; anything else is a bug and is shown."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Heard:
    """A connection's reading end that remembers whether a line was wanted and none came any more."""

    def __init__(self, file: Any):
        self._file, self.ended = file, False

    def readline(self, limit: int = -1) -> bytes:
        line: bytes = self._file.readline(limit)
        self.ended = self.ended or not line
        return line

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class _Bridge(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024
    timeout = 120

    def version_string(self) -> str:
        return "nginx"

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: `GET /_sim/calls` tells what was called."""

    def setup(self) -> None:
        super().setup()
        self.rfile: Any = _Heard(self.rfile)

    def answer(self) -> None:
        """A request that ended before it was whole is nobody's wish, and nobody waits for its answer."""
        body = self._body()
        if body is None or self.rfile.ended:
            self.close_connection = True
            return
        status: list[Any] = []

        def start_response(line: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            status[:] = [line, headers]
            return lambda chunk: None

        environ = self._environ(body)
        chunks: Iterable[bytes] = self.server.application(environ, start_response)
        payload = b"".join(chunks)
        if hasattr(chunks, "close"):
            chunks.close()
        self._send(status[0], status[1], payload, environ.get(CUT))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = answer

    def _body(self) -> bytes | None:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._chunked()
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > _LONGEST_BODY:
            self.send_error(400)
            self.close_connection = True
            return None
        body: bytes = self.rfile.read(int(length))
        return body if len(body) == int(length) else None

    def _chunked(self) -> bytes:
        parts: list[bytes] = []
        while size := int(self.rfile.readline(64).split(b";")[0] or b"0", 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline(4)
        while self.rfile.readline(1024).strip():
            pass
        return b"".join(parts)

    def _environ(self, body: bytes) -> dict[str, Any]:
        path, _, query = self.path.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": self.command,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "RAW_URI": self.path,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "REMOTE_ADDR": self.client_address[0],
            "SERVER_NAME": self.server.server_name,
            "SERVER_PORT": str(self.server.server_port),
            "SERVER_PROTOCOL": self.request_version,
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, text in self.headers.items():
            key = "HTTP_" + name.upper().replace("-", "_")
            if key not in ("HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"):
                environ[key] = f"{environ[key]},{text}" if key in environ else text
        return environ

    def _send(self, line: str, headers: list[tuple[str, str]], payload: bytes, cut: str | None) -> None:
        if cut == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self.close_connection = True
            return
        code, _, reason = line.partition(" ")
        self.send_response_only(int(code), reason)
        self.send_header("Server", self.version_string())
        if not any(name.lower() == "date" for name, _ in headers):
            self.send_header("Date", self.date_time_string())
        for name, text in headers:
            if name.lower() != "content-length":
                self.send_header(name, text)
        if int(code) != 204:
            self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        if cut == "truncate":
            payload, self.close_connection = payload[: len(payload) // 2], True
        if self.command != "HEAD" and int(code) != 204:
            self.wfile.write(payload)
        self.wfile.flush()


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # the client closed it first
