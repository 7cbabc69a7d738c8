"""A dependency that can be well, slow, silent, wrong and gone, and checks that ask it."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

LOOPBACK = "127.0.0.1"
#: Seconds: of the driver, and until a slow dependency answers.
DRIVER = 0.1
SLOW = 5.0


class Dependency:
    """A server on the loopback interface that answers ``ok`` to whatever it is sent."""

    def __init__(self) -> None:
        self.mode = "well"
        self._end = threading.Event()
        self._connections: list[socket.socket] = []
        self._listen(0)

    def _listen(self, port: int) -> None:
        self._server = socket.create_server((LOOPBACK, port))
        self.port = int(self._server.getsockname()[1])
        self._thread = threading.Thread(target=self._accept, args=(self._server,), daemon=True)
        self._thread.start()

    def _accept(self, server: socket.socket) -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            self._connections.append(connection)
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        try:
            while connection.recv(16):
                if self.mode == "slow":
                    self._end.wait(SLOW)
                elif self.mode == "silent":
                    self._end.wait(30)
                connection.sendall(b"no" if self.mode == "wrong" else b"ok")
        except OSError:
            pass

    def refuse(self) -> None:
        """Take no connections any more."""
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()

    def come_back(self) -> None:
        """Take connections again, on the same port."""
        self._listen(self.port)
        self.mode = "well"

    def close(self) -> None:
        """End it."""
        self._end.set()
        if self._server.fileno() >= 0:
            self.refuse()
        for connection in self._connections:
            connection.close()

    def ask(self, driver: float | None = DRIVER) -> Callable[[], bool]:
        """A check in a thread; ``driver`` is the limit of the socket in seconds."""

        def check() -> bool:
            with socket.create_connection((LOOPBACK, self.port), timeout=driver) as connection:
                connection.sendall(b"?")
                return connection.recv(16) == b"ok"

        return check

    def ask_async(self, driver: float | None = DRIVER) -> Callable[[], Any]:
        """A check on a loop."""

        async def check() -> bool:
            reader, writer = await asyncio.wait_for(
                asyncio.open_connection(LOOPBACK, self.port), driver
            )
            try:
                writer.write(b"?")
                return await asyncio.wait_for(reader.read(16), driver) == b"ok"
            finally:
                writer.close()

        return check


def raises(error: Callable[[], BaseException]) -> Callable[[], Any]:
    """A check that raises."""

    def check() -> None:
        raise error()

    return check


def raises_async(error: Callable[[], BaseException]) -> Callable[[], Any]:
    """A coroutine function that raises."""

    async def check() -> None:
        raise error()

    return check


def hangs(release: threading.Event) -> Callable[[], Any]:
    """A check that does not come back before ``release``."""
    return lambda: release.wait(60)


def hangs_async(release: threading.Event) -> Callable[[], Any]:
    """A coroutine function that does not come back."""

    async def check() -> None:
        await asyncio.sleep(60)

    return check


def busy(seconds: float) -> None:
    """Hold the GIL, as a C extension or a pathological regex does."""
    import ctypes

    ends = time.monotonic() + seconds
    usleep = ctypes.PyDLL(None).usleep  # PyDLL keeps the GIL during the call
    usleep.argtypes = [ctypes.c_uint]
    while (left := ends - time.monotonic()) > 0:
        usleep(int(min(left, 0.9) * 1e6) + 1)
