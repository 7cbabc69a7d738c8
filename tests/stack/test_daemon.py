"""Processes that outlive the command: found again, ended, and never mistaken for others."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import psutil
import pytest

from pepperpy_otel.stack import daemon
from pepperpy_otel.stack.daemon import Daemon, start_of
from pepperpy_otel.stack.errors import StackError
from pepperpy_otel.stack.setting import Launch
from tests.integration.readback import eventually

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes are for Linux and macOS")

SLEEP = shutil.which("sleep") or "/bin/sleep"
STUBBORN = (
    sys.executable,
    "-S",
    "-c",
    "import signal, time\nsignal.signal(15, 1)\nprint('deaf', flush=True)\ntime.sleep(60)",
)


@pytest.fixture
def server(directory):
    """One that has not been started."""
    directory.mkdir()
    return Daemon("loki", directory)


def start(server, *command):
    """Start it; its record."""
    server.start(Launch(list(command), {}, "http://ready", "http://met", "1.2.3", "digest"))
    return server.running()


def test_it_outlives_its_parent(server):
    """Nobody's child: no zombie is left, no signal of a terminal reaches it."""
    record = start(server, SLEEP, "60")

    process = psutil.Process(record.pid)
    assert process.ppid() != os.getpid()
    assert os.getsid(record.pid) != os.getsid(0)
    assert server.known() == record
    assert record.version == "1.2.3"
    assert (record.ready_url, record.url) == ("http://ready", "http://met")
    assert server.stop(10)
    assert not psutil.pid_exists(record.pid) or process.status() == psutil.STATUS_ZOMBIE
    assert server.known() is None


def test_its_words_are_kept(server, monkeypatch):
    """In a log that later starts append to; OTEL_ settings of the app are not for it."""
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop")
    env = (sys.executable, "-S", "-c", "import os; print(os.environ.get('OTEL_SERVICE_NAME'))")

    for expected in ("None", "None\nNone"):
        start(server, *env)
        eventually(lambda: server.running() is None)
        assert server.last_lines(5) == expected
    assert server.last_lines(1) == "None"


def test_a_long_log_is_put_aside(server, monkeypatch):
    """The one before is kept, so it never takes more than twice the limit."""
    monkeypatch.setattr(daemon, "MAX_LOG_BYTES", 10)
    server.log.parent.mkdir()
    server.log.write_text("x" * 11)

    start(server, SLEEP, "0")

    assert server.log.with_suffix(".log.1").read_text() == "x" * 11
    assert server.last_lines(3) == ""


def test_no_log(server):
    """There is nothing to show then."""
    assert server.last_lines(3) == ""


def test_what_cannot_be_run_has_ended(server):
    """And its log says why."""
    start(server, "/nowhere/loki")

    eventually(lambda: server.running() is None)
    assert "/nowhere/loki" in server.last_lines(1)


def test_it_is_killed_when_it_does_not_hear(server):
    """After the deadline, and that is said."""
    record = start(server, *STUBBORN)
    eventually(lambda: server.last_lines(1) == "deaf")

    assert not server.stop(0.2)
    assert start_of(record.pid) is None


def test_a_pid_that_is_somebody_elses_by_now(server):
    """It is neither found nor touched, and its file goes."""
    with subprocess.Popen([SLEEP, "60"]) as other:
        start(server, SLEEP, "0")
        record = json.loads(server.file.read_text())
        server.file.write_text(json.dumps(record | {"pid": other.pid, "started": "before:1"}))

        assert server.running() is None
        assert server.stop(1)
        assert other.poll() is None
        other.kill()
    assert not server.file.exists()


def test_a_file_of_another_version(server):
    """It is no record."""
    server.file.parent.mkdir()
    server.file.write_text('{"pid": 1}')

    assert server.known() is None
    assert server.running() is None


def test_a_zombie_has_ended():
    """Where nobody reaps it, it still does not run."""
    with subprocess.Popen([SLEEP, "60"]) as child:
        started = start_of(child.pid)
        assert started == start_of(child.pid)
        child.kill()
        eventually(lambda: start_of(child.pid) is None)
        assert psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE


def test_without_proc(tmp_path, monkeypatch):
    """macOS: the time of the start is what psutil says."""
    monkeypatch.setattr(daemon, "PROC", tmp_path)
    with subprocess.Popen([SLEEP, "60"]) as child:
        assert start_of(child.pid) == f"{psutil.Process(child.pid).create_time():.0f}"
        child.kill()
        eventually(lambda: start_of(child.pid) is None)
    assert start_of(child.pid) is None


def test_another_users_process(server, monkeypatch):
    """It says whose rights are needed instead of a traceback."""
    record = start(server, SLEEP, "60")
    kill = os.kill

    def refuse(pid, number):
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    with pytest.raises(StackError, match=rf"loki \(pid {record.pid}\) was started by another user"):
        server.stop(1)
    monkeypatch.setattr(os, "kill", kill)
    assert server.stop(10)


def test_it_ends_between_two_looks(server, monkeypatch):
    """Then it has ended by itself."""
    record = start(server, SLEEP, "60")
    kill = os.kill

    def end_first(pid, number):
        kill(pid, signal.SIGKILL)
        eventually(lambda: start_of(pid) is None)
        raise ProcessLookupError

    monkeypatch.setattr(os, "kill", end_first)
    assert server.stop(10)
    assert start_of(record.pid) is None


def test_what_nothing_ends(server, monkeypatch):
    """A process in a broken file system hears no signal: the file stays, and it is said."""
    start(server, SLEEP, "60")
    kill = os.kill
    monkeypatch.setattr(daemon, "KILL_SECONDS", 0.1)
    monkeypatch.setattr(os, "kill", lambda pid, number: None)

    with pytest.raises(StackError, match="loki does not end, not even by SIGKILL"):
        server.stop(0.1)

    assert server.running() is not None
    monkeypatch.setattr(os, "kill", kill)
    began = time.monotonic()
    assert server.stop(30)
    assert time.monotonic() - began < 30
