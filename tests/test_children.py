"""How child processes end: with whom we register for that, and what is done."""

from __future__ import annotations

import gc
import multiprocessing.util
import sys
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pepperpy_otel import children

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_otel.telemetry import Telemetry


class _Telemetry:
    def __init__(self) -> None:
        self.calls: list[str] = []
        self.delivered = threading.Event()

    def hurry(self) -> None:
        self.calls.append("hurry")

    def deliver(self) -> object:
        self.calls.append("deliver")
        if len(self.calls) > 2:
            self.delivered.set()
        return None

    def end_limit(self) -> float:
        return 0.0


class _Signal:
    """Celery's ``Signal``, as far as it matters."""

    def __init__(self) -> None:
        self.receivers: dict[str, Callable[..., Any]] = {}

    def connect(self, receiver: Callable[..., Any], *, weak: bool, dispatch_uid: str) -> None:
        assert not weak
        self.receivers[dispatch_uid] = receiver

    def disconnect(self, *, dispatch_uid: str) -> None:
        del self.receivers[dispatch_uid]


@pytest.fixture
def utility(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The only one of the libraries that is imported; takes note of what is registered."""
    for name in (*children.UTILITIES, children.CELERY):
        monkeypatch.delitem(sys.modules, name, raising=False)
    module: Any = SimpleNamespace(
        hooks=[],
        finalizers=[],
        register_after_fork=lambda owner, hook: module.hooks.append((owner, hook)),
        Finalize=lambda *arguments, **more: module.finalizers.append((*arguments, more)),
    )
    monkeypatch.setitem(sys.modules, "billiard.util", module)
    return module


def test_a_child_delivers_last(utility: Any) -> None:
    """Each child makes a finalizer that runs behind all others."""
    telemetry = _Telemetry()
    ends = children.Ends(telemetry)
    ends.attend()
    ((owner, hook),) = utility.hooks
    assert owner is ends
    hook(owner)
    ((thing, finalize, more),) = utility.finalizers
    assert (thing, more) == (None, {"exitpriority": children.PRIORITY})
    finalize()
    assert telemetry.calls == ["hurry", "deliver"]


def test_each_library_is_told_once(utility: Any) -> None:
    """A child registers only with what has been imported since: it inherits the rest."""
    ends = children.Ends(_Telemetry())
    ends.attend()
    ends.attend()
    assert len(utility.hooks) == 1


def test_celery_says_when_its_child_ends(utility: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connected once it is imported, and disconnected by the rollback."""
    telemetry, signal = _Telemetry(), _Signal()
    ends = children.Ends(telemetry)
    ends.attend()
    module = SimpleNamespace(worker_process_shutdown=signal)
    monkeypatch.setitem(sys.modules, children.CELERY, module)
    ends.attend()
    signal.receivers["pepperpy_otel"](sender=None, pid=1, exitcode=0)
    assert telemetry.calls == ["hurry", "deliver"]
    ends.forget()
    assert signal.receivers == {}


def test_after_a_rollback_nothing_is_done(utility: Any) -> None:
    """What was registered stays there, and does nothing."""
    telemetry = _Telemetry()
    ends = children.Ends(telemetry)
    ends.forget()
    ends.end()
    assert telemetry.calls == []


def test_the_registration_keeps_nothing_alive(run_python: Any) -> None:
    """It knows us by weak reference."""
    done = run_python(
        """
        import gc, multiprocessing.util, weakref
        from pepperpy_otel import children
        class Telemetry:
            hurry = deliver = end_limit = lambda self: 0.0
        ends = children.Ends(Telemetry())
        ends.attend()
        known = weakref.ref(ends)
        assert len(multiprocessing.util._afterfork_registry) == 1
        del ends
        gc.collect()
        assert known() is None
        """
    )
    assert done.returncode == 0, done.stderr


def test_threads_that_are_waited_for_may_end_spans(utility: Any) -> None:
    """Behind the last of them there is another delivery, which the process waits for too."""
    telemetry, release = _Telemetry(), threading.Event()
    other = threading.Thread(target=lambda: release.wait(30))
    other.start()
    children.Ends(telemetry).end()
    assert telemetry.calls == ["hurry", "deliver"]
    (last,) = [each for each in threading.enumerate() if each.name == "pepperpy-otel-last"]
    assert not last.daemon
    release.set()
    assert telemetry.delivered.wait(30)
    last.join()
    other.join()
    assert telemetry.calls == ["hurry", "deliver", "deliver"]


def test_a_failure_stays_in_here(utility: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """The child ends as it would have ended."""
    telemetry = _Telemetry()
    telemetry.hurry = None  # type: ignore[assignment,method-assign]
    children.Ends(telemetry).end()
    assert "the end of a child process" in capsys.readouterr().err


def test_a_rollback_disconnects(configure: Callable[..., Telemetry]) -> None:
    """With configure() the whole of it is put up and taken down."""
    before = len(multiprocessing.util._afterfork_registry)  # type: ignore[attr-defined]
    telemetry = configure()
    assert len(multiprocessing.util._afterfork_registry) > before  # type: ignore[attr-defined]
    telemetry.rollback()
    del telemetry
    gc.collect()
    assert len(multiprocessing.util._afterfork_registry) == before  # type: ignore[attr-defined]
