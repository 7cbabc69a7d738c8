"""The stack as plain processes: up until each one is ready, down to the last one.

What runs as it should is left alone, so a second ``up`` starts only what has ended or what is to be
started otherwise. Nobody starts again what ends: that is what containers or a service manager do.
"""

from __future__ import annotations

import contextlib
import http.client
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pepperpy_otel.stack import ports, rendered
from pepperpy_otel.stack.daemon import Daemon
from pepperpy_otel.stack.errors import WRONG_USE, StackError
from pepperpy_otel.stack.rows import Row
from pepperpy_otel.stack.servers import SERVERS
from pepperpy_otel.stack.setting import DATA, INTERNAL, Launch, Server, Setting
from pepperpy_otel.stack.variables import BIND, LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LOG_LINES = 10
POLL_SECONDS = 0.1
ANSWER_SECONDS = 2.0
#: The Collector hands over what it has; Prometheus writes its head.
STOP_SECONDS = 20.0
#: What lies in the stack's directory besides what belongs to one server.
OWN = (
    *("etc/collector-token.yaml", "etc/grafana", "etc/prometheus"),
    *("secrets/grafana_password", "secrets/otlp_token", "secrets/redaction_key"),
)


@dataclass(frozen=True, slots=True)
class _Start:
    """A server that has to be started, and what with."""

    server: Server
    daemon: Daemon
    launch: Launch


def choose_ports(
    numbers: Mapping[str, int], remembered: Mapping[str, int], directory: Path
) -> dict[str, int]:
    """The published ports, and a free one for each that only the servers use.

    Args:
        numbers: The published ports.
        remembered: The ports of this stack when it was started before.
        directory: The stack's own directory.
    """
    chosen = dict(numbers)
    for name, default in INTERNAL.items():
        number = remembered.get(name, default)
        owner = next(server for server in SERVERS if name in server.ports)
        ours = name in remembered and Daemon(owner.name, directory).running() is not None
        if not ours or number in chosen.values():
            number = ports.next_free(LOOPBACK, number, chosen.values())
        chosen[name] = number
    return chosen


def check_bind(variables: Mapping[str, str]) -> None:
    """Processes have no network of their own around them: they listen on loopback, or not at all.

    Raises:
        StackError: ``STACK_BIND`` asks for more.
    """
    if variables.get(BIND, LOOPBACK) != LOOPBACK:
        raise StackError(
            f"{BIND}={variables[BIND]!r}: processes listen on {LOOPBACK} only; unset it, or use "
            "containers",
            WRONG_USE,
        )


def up(setting: Setting, *, wait: bool, seconds: float) -> list[str]:
    """Start what does not run yet, or runs otherwise than it is to run now.

    Args:
        setting: Programs, ports and directories.
        wait: Whether to wait until each is ready.
        seconds: How long for all together.

    Returns:
        Names of the servers that were started.

    Raises:
        StackError: A port is taken, or a server did not become ready: what it said last.
    """
    starts = [
        start
        for server in SERVERS
        if server.name in setting.binaries and (start := _due(server, setting)) is not None
    ]
    for start in starts:
        start.daemon.stop(STOP_SECONDS)
    ports.check(LOOPBACK, setting.ports, [name for each in starts for name in each.server.ports])
    deadline = time.monotonic() + seconds
    for collector in (False, True):  # once the others are ready, what was queued finds them
        batch = [start for start in starts if (start.server.name == "collector") is collector]
        for each in batch:
            setting.data(each.server.name).mkdir(mode=0o700, parents=True, exist_ok=True)
            each.daemon.start(each.launch)
        for each in batch if wait else ():
            _wait(each, deadline, seconds)
    return [start.server.name for start in starts]


def down(directory: Path) -> list[str]:
    """Stop every server that is ours, the Collector first.

    Returns:
        One line for each that had to be killed.

    Raises:
        StackError: One does not end.
    """
    lines = []
    for server in reversed(SERVERS):
        daemon = Daemon(server.name, directory)
        if not daemon.stop(STOP_SECONDS):
            lines.append(f"{server.name} did not end within {STOP_SECONDS:g} s and was killed")
    return lines


def remove_data(directory: Path) -> None:
    """Remove what the stack has made in its directory, and nothing else that lies there.

    The directory may be one in which somebody else has a ``data`` or ``logs`` of his own, too.
    """
    servers = [server.name for server in SERVERS]
    files = [path for name in servers for path in Daemon(name, directory).files]
    made = [*(directory / DATA / name for name in servers), *(directory / name for name in OWN)]
    for path in (*made, *files):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    for parent in {path.parent for path in (*made, *files)}:
        with contextlib.suppress(OSError):  # it is not there, or holds what is not ours
            parent.rmdir()


def any_known(directory: Path) -> bool:
    """Whether any server was started there and not taken down, also when nothing else is known."""
    return any(Daemon(server.name, directory).known() for server in SERVERS)


def status(directory: Path) -> list[Row]:
    """The servers that were started, each with its state and address."""
    rows = []
    for server in SERVERS:
        daemon = Daemon(server.name, directory)
        record = daemon.known()
        if record is None:
            continue
        state = "stopped"
        if daemon.running() is not None:
            state = "healthy" if _answers(record.ready_url) else "unhealthy"
        rows.append(Row(server.name, state, record.version, record.url))
    return rows


def secret(directory: Path, *, token: bool) -> str:
    """Grafana's generated password, or the token of applications.

    Raises:
        StackError: Grafana is no part of this stack.
    """
    if token:
        return rendered.token(directory).read_text("ascii")
    if Daemon("grafana", directory).known() is None:
        raise StackError("there is no password: no Grafana runs in this stack of processes")
    return rendered.password(directory).read_text("ascii")


def _due(server: Server, setting: Setting) -> _Start | None:
    """The start of a server, ``None`` when it already runs as it is to run."""
    daemon = Daemon(server.name, setting.directory)
    launch = server.launch(setting)
    record = daemon.running()
    if record is not None and record.plan == launch.plan:
        return None
    return _Start(server, daemon, launch)


def _wait(start: _Start, deadline: float, seconds: float) -> None:
    while not _answers(start.launch.ready_url):
        ended = start.daemon.running() is None
        if ended or time.monotonic() > deadline:
            how = "ended at once" if ended else f"is not ready after {seconds:g} s"
            raise StackError(
                f"{start.server.name} {how}; its log ({start.daemon.log}) ends:\n"
                + (start.daemon.last_lines(LOG_LINES) or "(nothing)")
            )
        time.sleep(POLL_SECONDS)


def _answers(url: str) -> bool:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(
        parts.hostname or "", parts.port, timeout=ANSWER_SECONDS
    )
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
