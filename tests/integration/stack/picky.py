"""A proxy in front of the Collector that refuses requests for good when told to.

The Collector itself hardly ever answers 400; what applications then do has to be seen in their
metrics all the same.
"""

from __future__ import annotations

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from types import TracebackType


class Picky:
    """OTLP/HTTP on a free loopback port, passed on to ``target``."""

    def __init__(self, target: str) -> None:
        address = urlsplit(target)
        owner = self
        self._left: dict[str, int] = {}
        self._lock = threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 30  # of a connection on which nobody asks any more

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, content = owner.answer(self.path)
                if status == 200:
                    onward = http.client.HTTPConnection(
                        address.hostname or "", address.port, timeout=10
                    )
                    try:
                        onward.request("POST", self.path, body, dict(self.headers))
                        answer = onward.getresponse()
                        status, content = answer.status, answer.read()
                    except OSError:
                        status, content = 503, b""
                    finally:
                        onward.close()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *arguments: object) -> None:
                pass

        self._handler = Handler
        self.url = ""

    def refuse(self, **requests: int) -> None:
        """From now on answer so many requests of each signal with 400."""
        with self._lock:
            self._left = dict(requests)

    def answer(self, path: str) -> tuple[int, bytes]:
        """200: pass it on; 400 for a signal that is to be refused."""
        signal = path.rpartition("/")[2]
        with self._lock:
            left = self._left.get(signal, 0)
            self._left[signal] = max(left - 1, 0)
        return (400, b"") if left else (200, b"")

    def __enter__(self) -> Picky:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler)
        self._server.daemon_threads = False  # so that closing waits for them
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)
