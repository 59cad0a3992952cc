"""A TCP proxy per edge, all of them in one thread. `fault` says what happens to what passes from now on."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

DELAY_S = 0.15


@dataclass
class Edge:
    """`fault` is None, or a kind and its number (bytes for `cut`)."""

    name: str
    to: int
    port: int = 0
    fault: tuple[str, float] | None = None
    hits: int = 0


class Proxies:
    """Start with `open`, end with `close`. Ports are free ones of the loopback."""

    def __init__(self) -> None:
        self.edges: dict[str, Edge] = {}
        self._loop = asyncio.new_event_loop()
        self._open: dict[str, set[asyncio.StreamWriter]] = {}
        self._servers: list[asyncio.Server] = []
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxies", daemon=True)
        self._thread.start()

    def open(self, name: str, to: int) -> Edge:
        edge = self.edges[name] = Edge(name, to)
        self._open[name] = set()

        async def serve() -> None:
            server = await asyncio.start_server(lambda r, w: self._carry(edge, r, w), "127.0.0.1", 0)
            self._servers.append(server)
            edge.port = server.sockets[0].getsockname()[1]

        self._run(serve())
        return edge

    def set(self, name: str, fault: tuple[str, float] | None) -> None:
        """Faults that end connections end those that are open as well."""
        edge = self.edges[name]
        edge.fault = fault
        if fault is not None and fault[0] in ("half_close", "cut"):
            self._loop.call_soon_threadsafe(self._end, name)

    def clear(self) -> None:
        """No fault holds any more; what was swallowed is not kept waiting for ever."""
        for name, edge in self.edges.items():
            stuck = edge.fault is not None or edge.hits
            edge.fault = None
            if stuck:
                self._loop.call_soon_threadsafe(self._end, name)

    def close(self) -> None:
        async def end() -> None:
            for server in self._servers:
                server.close()
            for name in self._open:
                self._end(name)
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()

        self._run(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def _end(self, name: str) -> None:
        for writer in list(self._open[name]):
            writer.transport.abort()

    async def _carry(self, edge: Edge, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if edge.fault and edge.fault[0] == "blackhole":
            edge.hits += 1
            await self._hold(edge, writer)
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", edge.to)
        except OSError:
            writer.transport.abort()
            return
        mine = {writer, far_writer}
        self._open[edge.name] |= mine
        try:
            await asyncio.gather(
                self._pump(edge, reader, far_writer, reply=False), self._pump(edge, far_reader, writer, reply=True)
            )
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._open[edge.name] -= mine
            for one in mine:
                with contextlib.suppress(OSError, RuntimeError):
                    one.close()

    async def _hold(self, edge: Edge, writer: asyncio.StreamWriter) -> None:
        self._open[edge.name].add(writer)
        while edge.fault and edge.fault[0] == "blackhole":
            await asyncio.sleep(0.1)
        writer.transport.abort()
        self._open[edge.name].discard(writer)

    async def _pump(self, edge: Edge, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, reply: bool) -> None:
        passed = 0
        while data := await reader.read(65536):
            if edge.fault is None:
                writer.write(data)
            elif not await self._faulty(edge, data, writer, reply, passed):
                writer.transport.abort()
                raise ConnectionResetError
            passed += len(data)
            await writer.drain()
        if writer.can_write_eof():
            with contextlib.suppress(OSError, RuntimeError):
                writer.write_eof()

    async def _faulty(self, edge: Edge, data: bytes, writer: asyncio.StreamWriter, reply: bool, passed: int) -> bool:
        """False when the connection ends here."""
        assert edge.fault is not None
        kind, number = edge.fault
        edge.hits += 1
        if kind == "drop_reply":
            if not reply:
                writer.write(data)
            return not reply
        if kind == "cut":
            left = int(number) - passed
            writer.write(data[: max(left, 0)])
            return len(data) <= left
        if kind == "half_close" and reply:
            with contextlib.suppress(OSError, RuntimeError):
                writer.write_eof()
            return False
        if kind == "blackhole":
            while edge.fault and edge.fault[0] == "blackhole":
                await asyncio.sleep(0.1)
            return False
        if kind == "trickle":
            for start in range(0, min(len(data), 60), 3):
                writer.write(data[start : start + 3])
                await asyncio.sleep(0.02)
            writer.write(data[60:])
            return True
        if kind == "delay":
            await asyncio.sleep(DELAY_S)
        writer.write(data)
        return True
