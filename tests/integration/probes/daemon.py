"""A real server as a plain process tree: started, stopped (SIGSTOP), continued, killed, restarted.

Run as ``nobody`` when the tests run as root, because PostgreSQL and others refuse root, in a
directory of its own that is gone at the end.
"""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from tests.ports import LOOPBACK, free_port

USER = "nobody"
#: Where Debian keeps what is not meant to be called by hand; where Go installs.
ELSEWHERE = ("/usr/lib/postgresql/*/bin", "/usr/sbin", "/usr/lib/rabbitmq/bin", "~/go/bin")
READY_SECONDS = 90.0


class Missing(Exception):
    """The server's program is not installed; the message says what to install."""


def program(name: str, package: str) -> str:
    """The path of a program.

    Raises:
        Missing: It is nowhere.
    """
    places: list[Path] = []
    for pattern in ELSEWHERE:
        root = Path(pattern).expanduser()
        parts = root.relative_to("/").parts
        places += sorted(Path("/").glob(str(Path(*parts) / name)), reverse=True)
    for place in places:
        if place.is_file():
            return str(place)
    if (found := shutil.which(name)) is not None:
        return found
    raise Missing(f"{name} is not installed: {package}")


class Daemon:
    """One server.

    Args:
        name: For messages.
        command: What to run; ``{directory}`` and ``{port}`` are filled in.
        greeting: What to send (may be empty) and what the answer must hold once it is ready.
        prepare: Commands to run first, once.
        env: Environment variables on top of the test's; filled in too.
        files: Files to write into the directory first.
        as_nobody: Run it as ``nobody`` when the tests run as root.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        greeting: tuple[bytes, bytes],
        *,
        prepare: Sequence[Sequence[str]] = (),
        env: Mapping[str, str] | None = None,
        files: Mapping[str, str] | None = None,
        as_nobody: bool = True,
    ) -> None:
        self.name = name
        self.directory = Path(tempfile.mkdtemp(prefix=f"pepperpy-otel-{name}-"))
        self.port = free_port()
        for file, text in (files or {}).items():
            (self.directory / file).write_text(text)
        self._user = pwd.getpwnam(USER) if as_nobody and os.getuid() == 0 else None
        if self._user is not None:
            for path in (self.directory, *self.directory.rglob("*")):
                os.chown(path, self._user.pw_uid, self._user.pw_gid)
        self._env = {key: self._filled(value) for key, value in (env or {}).items()}
        self._command = self._as_user(command)
        self._prepare = [self._as_user(each) for each in prepare]
        self._greeting = greeting
        self._popen: subprocess.Popen[bytes] | None = None
        self._tree: list[psutil.Process] = []

    def start(self) -> None:
        """Start it, unless it runs, and wait until it answers."""
        if self._popen is not None and self._popen.poll() is None:
            self.resume()
            return
        while self._prepare:
            done = subprocess.run(
                self._prepare.pop(0),
                **self._process(),
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert done.returncode == 0, f"{done.args}: {done.stdout}{done.stderr}"
        with (self.directory / "log").open("ab") as log:
            self._popen = subprocess.Popen(
                self._command,
                **self._process(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        end = time.monotonic() + READY_SECONDS
        while not self._greets():
            log_text = (self.directory / "log").read_text(errors="replace")[-2000:]
            assert self._popen.poll() is None, f"{self.name} ended: {log_text}"
            assert time.monotonic() < end, f"{self.name} is not ready: {log_text}"
            time.sleep(0.05)

    def kill(self) -> None:
        """SIGKILL the whole tree and wait until it is gone."""
        self._signal(signal.SIGKILL)
        if self._popen is not None:
            self._popen.wait(20)
        psutil.wait_procs(self._tree, timeout=20)

    def pause(self) -> None:
        """SIGSTOP the whole tree: the kernel still accepts connections, nobody answers."""
        self._signal(signal.SIGSTOP)
        end = time.monotonic() + 10
        # The signal is on its way: for some milliseconds a thread still answers.
        while not all(_stopped(thread) for each in self._tree for thread in _threads(each)):
            assert time.monotonic() < end, f"{self.name} does not stop"
            time.sleep(0.005)

    def resume(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def end(self) -> None:
        """Kill it and remove its directory."""
        if self._popen is not None:
            self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _signal(self, number: int) -> None:
        if self._popen is None or self._popen.poll() is not None:
            return
        parent = psutil.Process(self._popen.pid)
        # A child of its own session (a PostgreSQL backend) is not in the process group.
        self._tree = [parent, *parent.children(recursive=True)]
        for process in self._tree:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def _as_user(self, command: Sequence[str]) -> list[str]:
        filled = [self._filled(word) for word in command]
        if self._user is None:
            return filled
        return ["setpriv", f"--reuid={USER}", "--regid=nogroup", "--clear-groups", *filled]

    def _process(self) -> dict[str, object]:
        env = {**os.environ, "HOME": str(self.directory), **self._env}
        return {"cwd": self.directory, "env": env}

    def _filled(self, text: str) -> str:
        return text.replace("{directory}", str(self.directory)).replace("{port}", str(self.port))

    def _greets(self) -> bool:
        sent, expected = self._greeting
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=2) as connection:
                connection.sendall(sent)
                return expected in connection.recv(4096)
        except OSError:
            return False


def _threads(process: psutil.Process) -> list[Path]:
    return list(Path(f"/proc/{process.pid}/task").glob("*/stat"))


def _stopped(stat: Path) -> bool:
    """Whether the thread is stopped, or gone."""
    try:
        return stat.read_text().rpartition(")")[2].split()[0] in "TtZX"
    except OSError:
        return True
