"""A provider that collects what it gets, and a handler that feeds it, taken away afterwards."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from opentelemetry.sdk._logs import LogRecordProcessor
from opentelemetry.sdk.resources import Resource

from pepperpy_otel import errors
from pepperpy_otel.logging import bus
from pepperpy_otel.logging.provider import LoggerProvider

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opentelemetry._logs import LogRecord
    from opentelemetry.sdk._logs import ReadWriteLogRecord

#: For property tests: no limit of time, since others use the machine; no database left behind.
unhurried = settings(deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])


class Collector(LogRecordProcessor):
    """Keeps every record that it gets."""

    def __init__(self) -> None:
        self.written: list[ReadWriteLogRecord] = []
        self.ended = 0
        self.flushed: list[int] = []

    @property
    def records(self) -> list[LogRecord]:
        return [written.log_record for written in self.written]

    @property
    def bodies(self) -> list[Any]:
        return [record.body for record in self.records]

    @property
    def last(self) -> LogRecord:
        return self.records[-1]

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        self.written.append(log_record)

    def shutdown(self) -> None:
        self.ended += 1

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        self.flushed.append(timeout_millis)
        return True


@pytest.fixture(autouse=True)
def _report_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test hears of internal errors anew, and no aggregator of another one listens."""
    monkeypatch.setattr(errors, "_seen", set())
    monkeypatch.setattr(bus, "listeners", ())


@pytest.fixture
def collector() -> Collector:
    """A processor that keeps what it gets."""
    return Collector()


@pytest.fixture
def provider(collector: Collector) -> LoggerProvider:
    """An armed provider of ours, which nothing outside of the test knows."""
    provider = LoggerProvider()
    provider.arm(resource=Resource({"service.name": "shop"}), processors=[collector])
    return provider


class Undo:
    """Stands in for the ledger."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, Callable[[], None]]] = []

    def record(self, what: str, undo: Callable[[], None]) -> None:
        self.entries.append((what, undo))

    def all(self) -> None:
        while self.entries:
            self.entries.pop()[1]()


@pytest.fixture
def undo() -> Iterator[Undo]:
    """A ledger whose changes are taken back, and a root logger that is as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    ledger = Undo()
    yield ledger
    ledger.all()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """A logger of the application's, at DEBUG, as it was afterwards."""
    logger = logging.getLogger("app.orders")
    logger.setLevel(logging.DEBUG)
    yield logger
    logger.handlers.clear()
    logger.filters.clear()
    logger.setLevel(logging.NOTSET)
    logger.propagate = True


#: Gives a program ``configure(**arguments)`` and prints in the end what reached the telemetry.
_WITH = """
import atexit as _atexit, json as _json, logging as _logging, sys as _sys

_taken, _undo, _provider = [], [], None

def configure(**arguments):
    global _provider
    given = {"log_level": None, "console_logs": "none", "service_name": "shop"}
    given |= {**_ARGUMENTS, **arguments}
    from opentelemetry.sdk._logs import LogRecordProcessor
    from opentelemetry.sdk.resources import Resource
    from pepperpy_otel.logging.install import install
    from pepperpy_otel.logging.provider import LoggerProvider

    class Keep(LogRecordProcessor):
        def on_emit(self, written):
            _taken.append(written.log_record.body)
        def shutdown(self): pass
        def force_flush(self, timeout_millis=0): return True

    _provider = LoggerProvider()
    _provider.arm(resource=Resource({}), processors=[Keep()])
    install(_provider, **given, record=lambda what, undo: _undo.append(undo))

def rollback():
    while _undo:
        _undo.pop()()
    _provider.disarm()

def _report():
    from pepperpy_otel.logging.handler import TelemetryHandler
    own = [l for n, l in _logging.Logger.manager.loggerDict.items()
           if n.startswith("pepperpy_otel") and isinstance(l, _logging.Logger)]
    print(_json.dumps({
        "taken": _taken,
        "there": any(isinstance(h, TelemetryHandler) for h in _logging.getLogger().handlers),
        "disabled": [l.name for l in own if l.disabled],
    }))

_atexit.register(_report)
"""
_WITHOUT = """
def configure(**arguments): pass
def rollback(): pass
"""
# As many lines, so that warnings and tracebacks name the same ones.
_WITHOUT += "\n" * (_WITH.count("\n") - _WITHOUT.count("\n"))


class Outcome:
    """What a program did.

    Attributes:
        stderr: What it printed there.
        taken: The bodies of the records that reached the telemetry.
        there: Whether our handler was on the root logger at the end.
        disabled: Loggers of ours that were disabled at the end.
    """

    def __init__(self, stdout: str, stderr: str) -> None:
        report = json.loads(stdout) if stdout else {"taken": [], "there": False, "disabled": []}
        self.stderr = stderr
        self.taken: list[str] = report["taken"]
        self.there: bool = report["there"]
        self.disabled: list[str] = report["disabled"]


def run(program: str, *variants: dict[str, Any] | None) -> list[Outcome]:
    """Run a program that calls ``configure()`` somewhere: once for each variant, all at once.

    Args:
        program: Its text.
        *variants: Arguments for ``configure()``; ``None`` for a run in which it does nothing.
    """
    # Without coverage in it: it triples the time, and its lock hangs a process that is forked
    # beside a busy thread. What these programs run is covered in this process too.
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    started = []
    for variant in variants:
        head = _WITHOUT if variant is None else _WITH
        code = f"{head}\n_ARGUMENTS = {variant!r}\n{textwrap.dedent(program)}"
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", code],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=env,
            )
        )
    ended = [(*process.communicate(timeout=60), process.returncode) for process in started]
    for _, stderr, status in ended:
        assert status == 0, stderr
    return [Outcome(stdout, stderr) for stdout, stderr, _ in ended]
