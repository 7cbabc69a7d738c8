"""A processor that raises costs nobody else a span."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from pepperpy_otel.tracing.processors import FanOut
from tests.tracing.conftest import Armed

if TYPE_CHECKING:
    import pytest
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, Span


class Raising(SpanProcessor):
    def __init__(self) -> None:
        self.called: list[str] = []

    def _raise(self, name: str) -> Any:
        self.called.append(name)
        raise RuntimeError(name)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        self._raise("on_start")

    def _on_ending(self, span: Span) -> None:
        self._raise("_on_ending")

    def on_end(self, span: ReadableSpan) -> None:
        self._raise("on_end")

    def shutdown(self) -> None:
        self._raise("shutdown")

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return bool(self._raise("force_flush"))


class Keeping(SpanProcessor):
    def __init__(self) -> None:
        self.called: list[Any] = []

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        self.called.append(("on_start", span.name, parent_context))

    def _on_ending(self, span: Span) -> None:
        self.called.append("_on_ending")

    def on_end(self, span: ReadableSpan) -> None:
        self.called.append(("on_end", span.name))

    def shutdown(self) -> None:
        self.called.append("shutdown")

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        self.called.append(("force_flush", timeout_millis))
        return timeout_millis != 7


class Minimal:
    """No subclass, and without the method that newer versions have."""

    def __init__(self) -> None:
        self.ended: list[str] = []

    def on_start(self, span: Any, parent_context: Any = None) -> None: ...

    def on_end(self, span: Any) -> None:
        self.ended.append(span.name)

    def shutdown(self) -> None: ...

    def force_flush(self, timeout_millis: int = 0) -> None:
        return None


def test_each_processor_gets_each_span(lines: list[str]) -> None:
    """Also behind one that raises everywhere, which is said once for each place."""
    raising, keeping, minimal = Raising(), Keeping(), Minimal()
    armed = Armed(processors=[raising, keeping, minimal])
    for _ in range(2):
        armed.tracer.start_span("x", None).end()
    assert raising.called == ["on_start", "_on_ending", "on_end"] * 2
    assert keeping.called == [("on_start", "x", None), "_on_ending", ("on_end", "x")] * 2
    assert minimal.ended == ["x", "x"]
    assert [line.split(" (reported once): ")[0] for line in lines] == [
        "internal error in span processor Raising.on_start",
        "internal error in span processor Raising._on_ending",
        "internal error in span processor Raising.on_end",
    ]


def test_shutdown_reaches_all(lines: list[str]) -> None:
    """One that raises does not keep the others running."""
    raising, keeping = Raising(), Keeping()
    armed = Armed(processors=[raising, keeping])
    armed.provider.shutdown()
    assert (raising.called, keeping.called) == (["shutdown"], ["shutdown"])
    assert len(lines) == 1


def test_flush_says_yes_only_if_all_do(lines: list[str]) -> None:
    """A processor that raises has not flushed; the ones behind it still do."""
    keeping = Keeping()
    assert Armed(processors=[keeping, Minimal()]).provider.force_flush(1000) is True
    raising = Raising()
    assert Armed(processors=[raising, keeping]).provider.force_flush(1000) is False
    assert len(keeping.called) == 2
    assert all(0 < millis <= 1000 for _, millis in keeping.called)
    assert len(lines) == 1


class No(Keeping):
    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return False


class Slow(Keeping):
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self._monkeypatch = monkeypatch

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        late = time.monotonic() + 10
        self._monkeypatch.setattr("pepperpy_otel.tracing.processors.time.monotonic", lambda: late)
        return True


def test_flush_ends_with_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes after a slow processor is not waited for."""
    keeping = Keeping()
    assert Armed(processors=[No(), keeping]).provider.force_flush(1000) is False
    assert len(keeping.called) == 1
    assert Armed(processors=[Slow(monkeypatch), keeping]).provider.force_flush(1000) is False
    assert len(keeping.called) == 1


def test_the_app_s_processors_stay_when_ours_change() -> None:
    """Ours come first, and go; what the app added is the app's."""
    fan_out, ours, theirs = FanOut(), Keeping(), Keeping()
    fan_out.add_span_processor(theirs)
    fan_out.replace([ours])
    assert fan_out.processors == (ours, theirs)
    fan_out.replace([])
    assert fan_out.processors == (theirs,)


def test_a_processor_may_be_added_at_any_time(armed: Armed) -> None:
    """Tracers handed out before call it too."""
    exporter = InMemorySpanExporter()
    armed.provider.add_span_processor(SimpleSpanProcessor(exporter))
    armed.tracer.start_span("x").end()
    assert [span.name for span in exporter.get_finished_spans()] == ["x"]
    assert [span.name for span in armed.spans] == ["x"]
