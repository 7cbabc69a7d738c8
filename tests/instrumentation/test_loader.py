"""Each instrumentation is loaded when its library is, alone in its failures, and undone."""

from __future__ import annotations

import importlib
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from pepperpy_otel.instrumentation import loader
from pepperpy_otel.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable

    Install = Callable[..., None]


def _calls(name: str) -> list[Any]:
    calls: list[Any] = importlib.import_module(f"fake_{name}_instrumentation").calls
    return calls


def test_an_instrumentor_waits_for_its_library(install: Install, library: Install) -> None:
    """Nothing is imported before the app imports the library; then it is instrumented once."""
    install("waiting", requires="waiting~=1.0")
    library("waiting")
    ledger = Ledger()
    loader.instrument(["waiting"], record=ledger.record)
    assert "fake_waiting_instrumentation" not in sys.modules
    importlib.import_module("waiting")
    importlib.reload(sys.modules["waiting"])
    assert _calls("waiting") == [("instrument", {})]
    assert ledger.undo().restored == ("instrumentation waiting",)
    assert [what for what, _ in _calls("waiting")] == ["instrument", "uninstrument"]


def test_a_library_that_is_there_is_instrumented_at_once(
    install: Install, library: Install
) -> None:
    """An app that calls configure() late still gets its spans."""
    install("present", requires="present>=1")
    library("present")
    importlib.import_module("present")
    loader.instrument(True, disabled=_all_but("present"), record=Ledger().record)
    assert _calls("present") == [("instrument", {})]


def test_after_the_rollback_an_import_instruments_nothing(
    install: Install, library: Install
) -> None:
    """A hook that still waits is inert, and a new configure() waits anew."""
    install("later", requires="later>=1")
    library("later")
    ledger = Ledger()
    loader.instrument(["later"], record=ledger.record)
    ledger.undo()
    loader.instrument(["later"], record=ledger.record)
    importlib.import_module("later")
    assert _calls("later") == [("instrument", {})]


def test_without_a_known_library_it_is_loaded_at_once(install: Install) -> None:
    """An instrumentation that names no library is loaded as upstream does."""
    install("unnamed", library=False)
    loader.instrument(["unnamed"], record=Ledger().record)
    assert _calls("unnamed") == [("instrument", {})]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("raise ImportError('built for another libc')", "ImportError: built for another libc"),
        ("raise ValueError('of the test_loader kind')", "ValueError: of the test_loader kind"),
    ],
)
def test_one_that_fails_is_named_and_costs_only_itself(
    install: Install, capsys: pytest.CaptureFixture[str], source: str, words: str
) -> None:
    """The app's import works, the other instrumentations too, and one line says what is missing."""
    install("failing", source=source, library=False)
    install("fine", library=False)
    loader.instrument(["failing", "fine"], record=Ledger().record)
    assert _calls("fine") == [("instrument", {})]
    [line] = capsys.readouterr().err.splitlines()
    assert f"instrumentation failing is left out: {words}" in line


def test_one_whose_library_is_half_there_is_left_out_silently(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    """A module that is missing is no news: the instrumentation's library is not installed."""
    install("missing", source="import no_such_library_at_all", library=False)
    loader.instrument(["missing"], record=Ledger().record)
    assert capsys.readouterr().err == ""


def test_a_library_that_is_not_installed_is_left_out_silently(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    """An instrumentation without its library, here a module of the same name, does nothing."""
    install("homonym", requires="no-such-distribution>=1")
    importlib.import_module("homonym")
    loader.instrument(["homonym"], record=Ledger().record)
    sys.modules["no_such_distribution"] = sys.modules["homonym"]
    try:
        loader.instrument(["homonym"], record=Ledger().record)
    finally:
        del sys.modules["no_such_distribution"]
    assert "fake_homonym_instrumentation" not in sys.modules
    assert capsys.readouterr().err == ""


def test_a_version_that_cannot_be_instrumented_is_named(
    install: Install, library: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line says which versions would do and which one is there."""
    install("ancient", requires="ancient>=2")
    library("ancient", "1.0")
    loader.instrument(["ancient"], record=Ledger().record)
    importlib.import_module("ancient")
    [line] = capsys.readouterr().err.splitlines()
    assert "instrumentation ancient is left out" in line
    assert "ancient 1.0" in line


def test_what_the_app_has_instrumented_itself_is_left_to_it(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    """No second time, no warning about it, and the rollback does not take the app's away."""
    install("owned", library=False)
    importlib.import_module("fake_owned_instrumentation").Instrumentor().instrument()
    ledger = Ledger()
    loader.instrument(["owned"], record=ledger.record)
    assert _calls("owned") == [("instrument", {})]
    assert ledger.undo().restored == ()
    assert capsys.readouterr().err == ""
    importlib.import_module("fake_owned_instrumentation").Instrumentor().uninstrument()


@pytest.mark.parametrize(
    ("selection", "disabled"),
    [(False, ()), (["other"], ()), (True, ("*",)), (["chosen"], ("chosen",))],
)
def test_what_is_not_wanted_is_not_loaded(
    install: Install, selection: Any, disabled: tuple[str, ...]
) -> None:
    """Selection and the disabled list say what runs."""
    install("chosen", library=False)
    names = disabled if selection is not True or "*" in disabled else _all_but("chosen")
    loader.instrument(selection, disabled=names, record=Ledger().record)
    assert "fake_chosen_instrumentation" not in sys.modules


def test_pre_and_post_hooks_run_as_upstream_does(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    """Hooks of others around the instrumentation are called; one that raises is reported."""
    source = "calls = []\ndef hook():\n    calls.append('hook')\n"
    install(
        "before",
        source=source,
        library=False,
        group="opentelemetry_pre_instrument",
        attribute="hook",
    )
    install(
        "after",
        source=source + "    raise OSError('of the test_loader kind')\n",
        library=False,
        group="opentelemetry_post_instrument",
        attribute="hook",
    )
    loader.instrument([], record=Ledger().record)
    assert _calls("before") == _calls("after") == ["hook"]
    assert "opentelemetry_post_instrument after" in capsys.readouterr().err


def test_an_error_in_a_hook_does_not_fail_the_apps_import(
    install: Install,
    library: Install,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Even a bug of ours leaves the import statement alone."""
    install("robust", requires="robust>=1")
    library("robust")

    def broken(*_: Any) -> None:
        raise KeyError("of the test_loader kind")

    monkeypatch.setattr(loader.moments, "when_ready", broken)
    loader.instrument(["robust"], record=Ledger().record)
    assert importlib.import_module("robust").value == 1
    assert "instrumentation robust" in capsys.readouterr().err


def test_two_threads_that_import_at_once_instrument_once(
    install: Install, library: Install
) -> None:
    """The hook runs in whichever thread imports first; the other one waits for the module."""
    install("shared", requires="shared>=1")
    library("shared")
    loader.instrument(["shared"], record=Ledger().record)
    barrier = threading.Barrier(2)

    def run() -> None:
        barrier.wait(10)
        importlib.import_module("shared")

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert _calls("shared") == [("instrument", {})]


def test_an_entry_point_without_a_distribution_is_taken(install: Install) -> None:
    """A launcher may hand over entry points that know nothing of their distribution."""
    from importlib.metadata import EntryPoint

    install("bare", library=False)
    point = EntryPoint("bare", "fake_bare_instrumentation:Instrumentor", loader.GROUP)
    loader.defer(point, record=Ledger().record, skip_dep_check=True)
    assert _calls("bare") == [("instrument", {})]


def _all_but(name: str) -> tuple[str, ...]:
    from importlib.metadata import entry_points

    return tuple(p.name for p in entry_points(group=loader.GROUP) if p.name != name)
