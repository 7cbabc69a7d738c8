"""``pepperpy-otel replay``: send a backup, or any file of OTLP lines, to a Collector."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pepperpy_otel.cli._settings import settings_here
from pepperpy_otel.cli.errors import FINDING, CommandError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pepperpy_otel.backup.replaying import ReplayReport
    from pepperpy_otel.delivery.counts import Signal
    from pepperpy_otel.delivery.endpoint import OtlpEndpoint

PROTOCOLS = ("http/protobuf", "grpc")


def main(argv: Sequence[str]) -> int:
    """Replay.

    Args:
        argv: Command-line arguments of the command.

    Returns:
        0 when everything was delivered, 1 when something is missing or was refused.

    Raises:
        CommandError: There is nothing at the path, or the endpoint is no endpoint.
    """
    options = _parse(argv)
    if not options.path:  # of a variable that is not set; as a path it would be this directory
        raise CommandError("PATH is empty; name a backup, a directory or a file")
    path = Path(options.path)
    if not path.exists():
        raise CommandError(f"{path}: there is no such file or directory")
    endpoints = _endpoints(options)

    from pepperpy_otel.backup.manifest import BadManifest
    from pepperpy_otel.backup.replaying import Replay

    try:
        replay = Replay(
            path,
            endpoints,
            state=options.with_state,
            marks=None if options.state is None else Path(options.state),
            patience=options.patience,
            progress=_show,
        )
        if not replay.files:
            raise CommandError(f"{path}: there are no files with OTLP lines in it{_hint(path)}")
        report = replay.run()
    except BadManifest as error:
        raise CommandError(str(error)) from error
    except (OSError, ValueError) as error:
        raise CommandError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    return _tell(report)


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="pepperpy-otel replay",
        description="Send a backup, a directory of OTLP lines or one such file (also what a "
        "Collector's file exporter wrote) to an OTLP endpoint, at least once. Broken off, it goes "
        "on where it stood when it is called again.",
        epilog="certificates, compression and timeouts are taken from the OTEL_EXPORTER_OTLP_* "
        "variables, as for an app",
    )
    parser.add_argument("path", metavar="PATH", help="a backup, a directory, or a file")
    parser.add_argument(
        "--endpoint", metavar="URL", help="where to; by default OTEL_EXPORTER_OTLP_ENDPOINT"
    )
    parser.add_argument(
        "--protocol", choices=PROTOCOLS, help="http/protobuf by default; grpc for port 4317"
    )
    parser.add_argument(
        "--header",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        type=_header,
        help="sent with each request; may be given several times",
    )
    parser.add_argument(
        "--with-state",
        action="store_true",
        help="send the log events and the health history of a backup too, as log records",
    )
    parser.add_argument(
        "--state", metavar="FILE", help="remembers how far it came; by default beside PATH"
    )
    parser.add_argument(
        "--patience",
        metavar="SECONDS",
        type=_seconds,
        default=300.0,
        help="how long an endpoint that takes nothing is tried (300)",
    )
    return parser.parse_args(argv)


def _header(text: str) -> tuple[str, str]:
    at = min((at for at in (text.find("="), text.find(":")) if at > 0), default=0)
    if not at:
        raise argparse.ArgumentTypeError("write NAME=VALUE")
    return text[:at].strip(), text[at + 1 :].strip()


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds up to a day")
    return seconds


def _endpoints(options: argparse.Namespace) -> dict[Signal, OtlpEndpoint]:
    """Where each signal goes, with everything that the environment says about the way."""
    from pepperpy_otel.pipelines import endpoint_of

    if options.endpoint is None and not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        raise CommandError("give --endpoint URL, for example http://localhost:4318")
    arguments: dict[str, Any] = {"endpoint": options.endpoint, "protocol": options.protocol}
    if options.protocol is None and _is_grpc(options.endpoint):
        arguments["protocol"] = "grpc"
    if options.header:
        arguments["headers"] = dict(options.header)
    settings = settings_here({k: v for k, v in arguments.items() if v is not None})
    return {signal: endpoint_of(settings, signal) for signal in settings.otlp}


def _hint(path: Path) -> str:
    """A spool is in a format of its own."""
    from pepperpy_otel.backup.spooled import segments

    return f"; run pepperpy-otel backup --from {path} --output DIR first" if segments(path) else ""


def _is_grpc(endpoint: str | None) -> bool:
    return endpoint is not None and endpoint.rstrip("/").endswith(":4317")


def _show(report: ReplayReport) -> None:
    print(f"sent so far: {report}", file=sys.stderr)


def _tell(report: ReplayReport) -> int:
    again = f" ({report.skipped} items were sent by an earlier run)" if report.skipped else ""
    print(f"sent {report}{again}")
    for line in report.complaints:
        print(line, file=sys.stderr)
    for reason, number in report.lost.items():
        print(f"{number} items were not taken: {reason}", file=sys.stderr)
    if report.error:
        print(f"broken off: {report.error}; the same command goes on from there", file=sys.stderr)
    return 0 if report else FINDING
