"""A stand-in for any server of the stack: answers at its port when it is asked whether it is ready.

    python -S standin.py NAME ARGUMENTS…

``STANDIN_BREAK=NAME`` makes that one end at once, ``STANDIN_DEAF=NAME`` never become ready,
``STANDIN_DEAD=NAME`` not hear SIGTERM. What it says about itself is said by the shell script that
starts it (``conftest.play``), which is faster.
"""

import os
import signal
import socket
import sys

ADDRESSES = ("COLLECTOR_HEALTH", "JAEGER_HEALTH_PORT", "LOKI_HTTP_PORT", "GF_SERVER_HTTP_PORT")


def address():
    """Where this one is asked whether it is ready."""
    for argument in sys.argv[2:]:
        if argument.startswith("--web.listen-address="):
            return argument
    return next(os.environ[name] for name in ADDRESSES if name in os.environ)


def main():
    """Play the part."""
    name = sys.argv[1]
    print("begins", *sys.argv[2:], flush=True)
    if os.environ.get("STANDIN_BREAK") == name:
        print("no such luck", flush=True)
        return 3
    if os.environ.get("STANDIN_DEAD") == name:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _, _, port = address().rpartition(":")
    status = b"503 No" if os.environ.get("STANDIN_DEAF") == name else b"200 OK"
    with socket.create_server(("127.0.0.1", int(port))) as server:
        while True:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")


sys.exit(main())
