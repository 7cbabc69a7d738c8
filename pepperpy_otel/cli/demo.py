"""``pepperpy-otel demo``: two services, and what their telemetry looks like when it arrives."""

from __future__ import annotations

import argparse
import importlib.util
import socket
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pepperpy_otel.cli.errors import FINDING, CommandError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pepperpy_otel.demo.services import Target

PROTOCOLS = ("http/protobuf", "grpc")
PORTS = {"http/protobuf": 4318, "grpc": 4317}
SECONDS = 4.0
MAX_SECONDS = 3600
#: What the extra ``demo`` installs.
NEEDED = (
    "fastapi",
    "uvicorn",
    "httpx",
    "opentelemetry.instrumentation.fastapi",
    "opentelemetry.instrumentation.httpx",
    "opentelemetry.instrumentation.sqlite3",
)


def main(argv: Sequence[str]) -> int:
    """Run the demo.

    Args:
        argv: Command-line arguments of the command.

    Returns:
        0 when everything that was sent was received, 1 when something is missing.

    Raises:
        CommandError: A package is missing, a service did not start, or nobody listens.
    """
    options = _parse(argv)
    _check_packages(rich=sys.stdout.isatty() and not options.plain)
    target = None if options.endpoint is None else _target(options.endpoint, options.protocol)

    from pepperpy_otel.demo import render, session
    from pepperpy_otel.demo.services import ServiceError

    screen = render.screen(sys.stdout, plain=options.plain)
    try:
        if target is None:
            complete = session.show_received(screen, options.seconds)
        else:
            complete = session.show_sent(screen, options.seconds, target)
    except ServiceError as error:
        raise CommandError(str(error), FINDING) from error
    return 0 if complete else FINDING


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="pepperpy-otel demo",
        description="Run two small services for some seconds with real requests, receive what "
        "they send, and show it: a trace, its logs, the metrics, and whether all of it arrived.",
    )
    parser.add_argument(
        "--endpoint", metavar="URL", help="send to this OTLP endpoint (a Collector) instead"
    )
    parser.add_argument(
        "--protocol",
        choices=PROTOCOLS,
        help="for --endpoint; by default http/protobuf, or grpc for port 4317",
    )
    parser.add_argument(
        "--seconds", type=_seconds, default=SECONDS, help="how long to send requests (4)"
    )
    parser.add_argument("--plain", action="store_true", help="no colour, nothing that moves")
    options = parser.parse_args(argv)
    if options.protocol == "grpc" and options.endpoint is None:
        parser.error("--protocol grpc needs --endpoint: the built-in receiver has HTTP only")
    return options


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds <= MAX_SECONDS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds up to {MAX_SECONDS}")
    return seconds


def _check_packages(*, rich: bool) -> None:
    names = (*NEEDED, "rich") if rich else NEEDED
    if missing := [name for name in names if not _is_installed(name)]:
        raise CommandError(f"needs {', '.join(missing)}; run: pip install 'pepperpy-otel[demo]'")


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # its parent is missing
        return False


def _target(endpoint: str, protocol: str | None) -> Target:
    """Where to send to, once it is sure that somebody listens there."""
    from pepperpy_otel.demo.services import Target

    try:
        parts = urlsplit(endpoint if "://" in endpoint else f"http://{endpoint}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise CommandError(f"--endpoint {endpoint!r} is not a URL: {error}") from error
    if not host or parts.scheme not in ("http", "https"):
        raise CommandError(f"--endpoint {endpoint!r} is not a URL; use http://localhost:4318")
    protocol = protocol or ("grpc" if port == PORTS["grpc"] else "http/protobuf")
    default_port = 443 if parts.scheme == "https" else PORTS[protocol] if protocol == "grpc" else 80
    try:
        socket.create_connection((host, port or default_port), timeout=5).close()
    except OSError as error:
        raise CommandError(
            f"nobody listens at {endpoint} ({error.strerror or error}); "
            "start a Collector there, or run the demo without --endpoint",
            FINDING,
        ) from error
    return Target(parts.geturl(), protocol, own=False)
