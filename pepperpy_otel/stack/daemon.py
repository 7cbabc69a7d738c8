"""A server as a process that goes on when the command has ended, and is found again by its file.

A pid alone may belong to somebody else by now, after a crash or a reboot. So the file also holds
when the process started, and nothing is ever signalled whose start is another.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pepperpy_otel.stack.errors import StackError

if TYPE_CHECKING:
    from pepperpy_otel.stack.setting import Launch

PROC = Path("/proc")
POLL_SECONDS = 0.05
KILL_SECONDS = 10.0
MAX_LOG_BYTES = 20 * 2**20
#: Started by a shell that ends at once: the server is then nobody's child, and init's to reap.
DETACH = 'log=$1; shift; "$@" >>"$log" 2>&1 </dev/null & echo $!'


@dataclass(frozen=True, slots=True)
class Record:
    """What is written down about a process.

    Attributes:
        pid: Its number.
        started: When it started, as ``start_of`` says it.
        plan: Its command and its part of the environment, to see whether they have changed.
        version: Of its program.
        ready_url: Answers 200 when it can work.
        url: Where it is met.
    """

    pid: int
    started: str
    plan: str
    version: str
    ready_url: str
    url: str


@dataclass(frozen=True, slots=True)
class Daemon:
    """A server's process, whether it runs or not.

    Attributes:
        name: The server.
        directory: Where the stack keeps pid files and logs.
    """

    name: str
    directory: Path

    @property
    def log(self) -> Path:
        """What it writes to stdout and stderr."""
        return self.directory / "logs" / f"{self.name}.log"

    @property
    def file(self) -> Path:
        """Its pid file."""
        return self.directory / "run" / f"{self.name}.json"

    @property
    def _old_log(self) -> Path:
        return self.log.with_suffix(".log.1")

    @property
    def files(self) -> list[Path]:
        """All that is written here about it, whether it is there or not."""
        return [self.log, self._old_log, self.file]

    def known(self) -> Record | None:
        """What was written down at its start, whether it still runs or not."""
        try:
            return Record(**json.loads(self.file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def running(self) -> Record | None:
        """The process that we started, if it still runs."""
        record = self.known()
        return record if record is not None and start_of(record.pid) == record.started else None

    def start(self, launch: Launch) -> None:
        """Start it, in a session of its own; what cannot be run has ended, and its log says why."""
        for path in (self.log, self.file):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > MAX_LOG_BYTES:
            self.log.replace(self._old_log)
        # The servers read OTEL_* for their own telemetry; what is set there is the app's.
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("OTEL_")}
        done = subprocess.run(
            ["/bin/sh", "-c", DETACH, "sh", str(self.log), *launch.command],
            cwd=self.directory,
            env={**inherited, **launch.env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            start_new_session=True,
            check=False,
        )
        pid = int(done.stdout)
        record = Record(
            pid, start_of(pid) or "", launch.plan, launch.version, launch.ready_url, launch.url
        )
        part = self.file.with_suffix(".part")
        part.write_text(json.dumps(asdict(record)), encoding="utf-8")
        part.replace(self.file)

    def stop(self, seconds: float) -> bool:
        """Ask it to end, and make it end after so many seconds; whether it ended by itself.

        Raises:
            StackError: It is ours and cannot be ended.
        """
        clean = self._end(signal.SIGTERM, seconds)
        if not clean and not self._end(signal.SIGKILL, KILL_SECONDS):
            raise StackError(f"{self.name} does not end, not even by SIGKILL; see {self.file}")
        self.file.unlink(missing_ok=True)
        return clean

    def last_lines(self, count: int) -> str:
        """The end of its log."""
        try:
            lines = self.log.read_text("utf-8", "replace").splitlines()
        except OSError:
            lines = []
        return "\n".join(lines[-count:])

    def _end(self, number: int, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        record = self.running()
        if record is not None:
            try:
                os.kill(record.pid, number)
            except ProcessLookupError:
                pass
            except PermissionError as error:
                raise StackError(
                    f"{self.name} (pid {record.pid}) was started by another user; "
                    "take the stack down as that one"
                ) from error
        while self.running() is not None:
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)
        return True


def start_of(pid: int) -> str | None:
    """When a process started, ``None`` when it has ended.

    On Linux in the kernel's own ticks since this boot: unlike the time of day, nobody sets those.
    """
    try:
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
    except (OSError, ValueError):
        return None if (PROC / "self" / "stat").exists() else _start_elsewhere(pid)
    return None if fields[0] in "ZX" else f"{boot}:{fields[19]}"


def _start_elsewhere(pid: int) -> str | None:
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return f"{process.create_time():.0f}"
    except psutil.Error:
        return None
