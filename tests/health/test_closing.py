"""Probes are closed when nobody asks through them any more; what is no probe is left alone."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

from pepperpy_otel.health.closing import close_probes
from tests.health.helpers import until

if TYPE_CHECKING:
    import pytest

    from pepperpy_otel.health import HealthChecker


class Probe:
    """As those of ``health.probes``."""

    local = False

    def __init__(self) -> None:
        self.closed: list[str] = []

    def __call__(self) -> bool:
        return True

    def close(self) -> None:
        self.closed.append(threading.current_thread().name)


class OnLoop(Probe):
    """One whose connection belongs to the loop that it ran on."""

    async def __call__(self) -> bool:  # type: ignore[override]
        self.loop: Any = asyncio.get_running_loop()
        return True

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self.loop).result(10)

    async def _close(self) -> None:
        self.closed.append("on its loop")


def test_stop_and_unregister_close_the_probes(checker: HealthChecker) -> None:
    """Those that ran; on the private loop too, which ends after them."""
    probe, on_loop, other, client = Probe(), OnLoop(), Probe(), Probe()
    client.__dict__["close"] = None
    checker.register("plain", probe)
    checker.register("on-loop", on_loop)
    checker.register("odd", client)
    checker.run(10)
    checker.register("unused", other)
    checker.stop()
    assert probe.closed == ["pepperpy-otel-health-close"]
    assert on_loop.closed == ["on its loop"]
    assert other.closed == []
    checker.unregister("unused")
    until(lambda: other.closed)


def test_what_only_happens_to_have_a_close_is_left_alone(checker: HealthChecker) -> None:
    """A callable of the application's is the application's to close."""
    closed: list[int] = []

    class Client:
        def __call__(self) -> bool:
            return True

        def close(self) -> None:
            closed.append(1)

    checker.register("client", Client())
    checker.run(10)
    checker.stop()
    assert closed == []


def test_a_probe_that_cannot_be_closed_holds_up_nobody(
    release: threading.Event, capfd: pytest.CaptureFixture[str]
) -> None:
    """One that raises is said once, one that hangs is left behind."""

    class Raises(Probe):
        def close(self) -> None:
            raise OSError("gone already")

    class Hangs(Probe):
        def close(self) -> None:
            release.wait(60)

    started = time.monotonic()
    close_probes([Raises(), Hangs(), Hangs()], timeout=0.1)
    assert time.monotonic() - started < 5
    assert capfd.readouterr().err.count("gone already") <= 1


def test_no_thread_can_be_had_while_the_interpreter_ends(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Python 3.12 starts none then: the end of the process closes the connection, silently."""

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    close_probes([Probe()])
    assert capfd.readouterr().err == ""
