"""A TCP proxy in a process of its own that ends a connection at the nth byte that passes, once; afterwards it only carries.

The sweeps fork, and a thread or an event loop must not be there when they do.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.services import free_port, wait_until


@dataclass
class Cutter:
    """`port` leads to the far end."""

    port: int
    control: int

    def cut_at(self, byte: int | None) -> None:
        """Count from nought; end the connection that carries this byte. None: carry everything."""
        self._say(f"cut {-1 if byte is None else byte}")

    def passed(self) -> int:
        """Bytes in both directions since `cut_at`."""
        return int(self._say("count"))

    def _say(self, word: str) -> str:
        with socket.create_connection(("127.0.0.1", self.control), timeout=10) as link:
            link.sendall(word.encode() + b"\n")
            return link.makefile().readline().strip()


@contextmanager
def cutter(to: int) -> Iterator[Cutter]:
    one = Cutter(free_port(), free_port())
    process = subprocess.Popen([sys.executable, "-m", "tests.crash.cutter", str(to), str(one.port), str(one.control)])
    try:
        wait_until(lambda: one.passed() >= 0, 30, "the cutter")
        yield one
    finally:
        process.terminate()
        process.wait(timeout=10)


class _Proxy:
    def __init__(self, to: int):
        self._to = to
        self._passed, self._end = 0, -1

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        both = (writer, far_writer)
        pumps = [asyncio.create_task(self._pump(reader, far_writer)), asyncio.create_task(self._pump(far_reader, writer))]
        done, _ = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        if not any(task.result() for task in done):
            await asyncio.wait(pumps)
        for task in pumps:
            task.cancel()
        for one in both:
            one.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """True when the connection was cut here."""
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                before, self._passed = self._passed, self._passed + len(data)
                if before <= self._end < self._passed:
                    writer.write(data[: self._end - before])
                    self._end = -1
                    return True
                writer.write(data)
                await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()
        return False

    async def obey(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        word = (await reader.readline()).split()
        if word[:1] == [b"cut"]:
            self._passed, self._end = 0, int(word[1])
        writer.write(f"{self._passed}\n".encode())
        await writer.drain()
        writer.close()


async def _serve(to: int, port: int, control: int) -> None:
    proxy = _Proxy(to)
    await asyncio.start_server(proxy.carry, "127.0.0.1", port)
    server = await asyncio.start_server(proxy.obey, "127.0.0.1", control)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(*map(int, sys.argv[1:4])))
