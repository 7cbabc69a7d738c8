"""What tests of traces share: a provider of ours at work, and hostile things to hand to it."""

from __future__ import annotations

import sys
import textwrap
import threading
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from pepperpy_otel import errors
from pepperpy_otel.tracing.provider import TracerProvider

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from opentelemetry.sdk.trace import ReadableSpan

RESOURCE = Resource({"service.name": "test"})


class Hostile:
    """Raises whatever it is asked."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__

    def __hash__(self) -> int:
        raise RuntimeError("no hash")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparison")

    def __bool__(self) -> bool:
        raise RuntimeError("no truth")

    def __iter__(self) -> Any:
        raise RuntimeError("no members")

    def __len__(self) -> int:
        raise RuntimeError("no length")

    @property
    def __class__(self) -> Any:
        raise RuntimeError("no class")


class Broken(Exception):
    """An exception that cannot say what happened."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


class Armed:
    """A provider of ours at work, and what it made."""

    def __init__(self, **arguments: Any) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.arm(**arguments)
        self.tracer = self.provider.get_tracer("test", "1.0")

    def arm(self, **arguments: Any) -> None:
        given = {
            "sampler": ALWAYS_ON,
            "resource": RESOURCE,
            "processors": [SimpleSpanProcessor(self.exporter)],
        }
        self.provider.arm(**{**given, **arguments})

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()

    @property
    def only(self) -> ReadableSpan:
        (span,) = self.spans
        return span


@pytest.fixture
def armed() -> Armed:
    """A provider of ours that records everything in memory."""
    return Armed()


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What we said, line by line."""
    said: list[str] = []
    monkeypatch.setattr(errors, "_seen", set())
    monkeypatch.setattr(errors, "warn", lambda message, *args: said.append(message % args))
    return said


@pytest.fixture
def in_time() -> Callable[[Callable[[], Any]], Any]:
    """Call something that must not hang: it has ten seconds."""

    def call(function: Callable[[], Any]) -> Any:
        result: list[Any] = []
        thread = threading.Thread(target=lambda: result.append(function()), daemon=True)
        thread.start()
        thread.join(10)
        assert result, "it hangs, or it raised"
        return result[0]

    return call


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, str], None]:
    """Install a distribution with one module and entry points, for this test only."""

    def install(module: str, source: str, entry_points: str) -> None:
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(source))
        metadata = tmp_path / f"{module}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text(textwrap.dedent(entry_points))
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(sys.modules, module, raising=False)

    return install
