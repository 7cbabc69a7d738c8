"""What is chosen waits for its library, runs once, alone in its failures, and can be undone."""

from __future__ import annotations

import importlib
import logging
import sys
import threading
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

import pytest

from pepperpy_otel.errors import ConfigurationError, Problems
from pepperpy_otel.instrumentation import hooks, loader
from tests.instrumentation.conftest import calls_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.instrumentation.conftest import Ledger, Site


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Upstream warns where something is instrumented twice; that must not happen."""
    with caplog.at_level(logging.WARNING, logger="opentelemetry"):
        yield
    assert [record.getMessage() for record in caplog.records] == []


def _point(name: str) -> EntryPoint:
    (point,) = entry_points(group="opentelemetry_instrumentor", name=name)
    return point


def test_it_waits_for_its_library(site: Site, record: Ledger, lines: list[str]) -> None:
    """Nothing is imported before the app imports the library; then it runs, once."""
    site.module("lib_a")
    site.distribution("lib_a")
    site.instrumentation("a", "lib_a >= 1.0")
    loader.instrument(["a"], record=record)
    assert loader.states() == {"a": "waiting for lib_a"}
    assert "instrumentation_of_a" not in sys.modules
    module = importlib.import_module("lib_a")
    importlib.reload(module)
    assert calls_of("a") == [{}]
    assert loader.states() == {"a": "instrumented"}
    assert lines == []


def test_undoing_takes_it_back(site: Site, record: Ledger) -> None:
    """And leaves nothing that would run later; a second configure() begins again."""
    site.module("lib_a")
    site.distribution("lib_a")
    site.instrumentation("a", "lib_a")
    for round_ in range(1, 3):
        loader.instrument(["a"], record=record)
        importlib.import_module("lib_a")
        assert record.names == ["instrumentation a"]
        record.undo()
        assert calls_of("a") == [{}, "uninstrument"] * round_
        assert loader.states() == {}


def test_undone_while_it_waits(site: Site, record: Ledger) -> None:
    """The import that comes later is nothing but an import."""
    site.module("lib_a")
    site.instrumentation("a", "lib_a")
    loader.instrument(["a"], record=record)
    record.undo()
    importlib.import_module("lib_a")
    assert calls_of("a") == []
    loader.instrument(["a"], record=record)
    assert loader.states()["a"].startswith("left out: ")


def test_a_library_that_is_there_is_instrumented_at_once(site: Site, record: Ledger) -> None:
    """Whoever configures late gets spans too."""
    site.module("lib_a")
    site.distribution("lib_a")
    site.instrumentation("a", "lib_a")
    importlib.import_module("lib_a")
    loader.instrument(["a"], record=record)
    assert calls_of("a") == [{}]


def test_without_a_library_it_runs_at_once(site: Site, record: Ledger) -> None:
    """As upstream would do it."""
    site.instrumentation("a")
    loader.instrument(["a"], record=record)
    assert calls_of("a") == [{}]


def test_chosen_once_runs_once(site: Site, record: Ledger) -> None:
    """``opentelemetry-instrument`` and then ``configure()``, or twice the same."""
    site.module("lib_a")
    site.distribution("lib_a")
    site.instrumentation("a", "lib_a")
    loader.defer(_point("a"), record=record, skip_dep_check=True)
    loader.instrument(["a", "a"], record=record)
    importlib.import_module("lib_a")
    loader.instrument(["a"], record=record)
    assert calls_of("a") == [{}]
    assert record.names == ["instrumentation a"]


def test_deferred_by_a_launcher(site: Site, record: Ledger) -> None:
    """What it passes reaches the instrumentation, over our defaults."""
    site.module("lib_a")
    site.instrumentation("a", "lib_a")
    loader.defer(_point("a"), record=record, skip_dep_check=True, answer=5)
    assert calls_of("a") == []
    importlib.import_module("lib_a")
    assert calls_of("a") == [{"answer": 5}]


def test_an_entry_point_without_a_distribution(site: Site, record: Ledger) -> None:
    """Nobody knows what it waits for, nor what it needs: it runs at once."""
    site.instrumentation("a", "lib_a >= 5")
    bare = EntryPoint("a", "instrumentation_of_a:Instrumentor", "opentelemetry_instrumentor")
    loader.defer(bare, record=record)
    assert calls_of("a") == [{}]


@pytest.mark.parametrize(
    ("selection", "disabled"),
    [(False, ()), (["b"], ()), (["a"], ("*",)), (["a"], ("a",)), ((), ())],
)
def test_what_is_not_wanted_is_not_loaded(
    site: Site, record: Ledger, selection: Any, disabled: tuple[str, ...]
) -> None:
    """The selection and the disabled ones decide."""
    site.instrumentation("a")
    site.instrumentation("b", "lib_b")
    loader.instrument(selection, disabled=disabled, record=record)
    assert "a" not in loader.states()
    assert "instrumentation_of_a" not in sys.modules


def test_all_that_are_installed(site: Site, record: Ledger) -> None:
    """The names are those of ``importlib.metadata``."""
    site.instrumentation("a", "lib_a")
    skipped = ("system_metrics", "threading")
    loader.instrument(True, disabled=skipped, record=record)
    found = {point.name for point in entry_points(group="opentelemetry_instrumentor")}
    assert set(loader.states()) == found - set(skipped)
    assert "a" in found


def test_names_that_are_not_installed(site: Site, record: Ledger, lines: list[str]) -> None:
    """One line each, with what there is; the others run."""
    site.instrumentation("a")
    loader.instrument(["a", "typo"], record=record, setting="X", source="environment")
    assert calls_of("a") == [{}]
    (line,) = lines
    assert line.startswith("X='typo' (environment) is not an installed instrumentation; ")
    assert "installed are: a" in line
    problems = Problems()
    loader.instrument(["typo"], record=record, problems=problems)
    assert [error.value for error in problems.errors] == ["typo"]
    with pytest.raises(ConfigurationError):
        loader.instrument(["typo"], record=record, problems=Problems(strict=True))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"body": "raise RuntimeError('no')"}, "RuntimeError: no"),
        ({"start": "raise ImportError('wrong libc')"}, "ImportError: wrong libc"),
        ({"start": "import no_such_part"}, "No module named 'no_such_part'"),
    ],
)
def test_a_failure_is_named_and_costs_only_itself(
    site: Site, record: Ledger, lines: list[str], arguments: dict[str, str], words: str
) -> None:
    """The library is imported, the next one is instrumented, and one line says what is missing."""
    site.module("lib_a")
    site.distribution("lib_a")
    site.instrumentation("a", "lib_a", **arguments)
    site.instrumentation("b", "lib_a")
    loader.instrument(["a", "b"], record=record)
    assert importlib.import_module("lib_a").__name__ == "lib_a"
    assert calls_of("b") == [{}]
    (line,) = lines
    assert line.startswith("instrumentation a failed and is left out: ")
    assert words in line
    assert words in loader.states()["a"]


def test_a_library_that_is_not_installed_is_no_news(
    site: Site, record: Ledger, lines: list[str]
) -> None:
    """Instrumentations are installed for what may come; upstream is silent too."""
    site.instrumentation("a", start="import no_such_library")
    site.module("lib_b")
    site.instrumentation("b", "lib_b")
    importlib.import_module("lib_b")  # a module of that name, but no such distribution
    loader.instrument(["a", "b"], record=record)
    assert lines == []
    assert loader.states()["a"] == "left out: No module named 'no_such_library'"
    assert "no installed version was found" in loader.states()["b"]


def test_a_version_that_it_does_not_know(site: Site, record: Ledger, lines: list[str]) -> None:
    """One line when the library is imported, and nothing is loaded."""
    site.module("lib_a")
    site.distribution("lib_a")
    site.instrumentation("a", "lib_a >= 2.0")
    loader.instrument(["a"], record=record)
    assert lines == []
    importlib.import_module("lib_a")
    (line,) = lines
    assert line.startswith("instrumentation a is left out: ")
    assert "lib_a>=2.0" in line
    assert "lib_a 1.0" in line
    assert "instrumentation_of_a" not in sys.modules


def test_one_that_cannot_be_taken_back(site: Site, record: Ledger, lines: list[str]) -> None:
    """Upstream asks for ``instrument()`` only, so that must do."""
    site.module(
        "minimal",
        """
        calls = []

        class Instrumentor:
            def instrument(self, **kwargs):
                calls.append(kwargs)
        """,
    )
    site.distribution("minimal", "[opentelemetry_instrumentor]\nminimal = minimal:Instrumentor\n")
    loader.instrument(["minimal"], record=record)
    assert importlib.import_module("minimal").calls == [{"skip_dep_check": True}]
    record.undo()
    assert lines == []


def test_broken_metadata_is_named(
    site: Site, record: Ledger, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What goes wrong before the waiting begins is one line too."""

    def fail(_: object) -> tuple[str, ...]:
        raise ValueError("broken")

    monkeypatch.setattr("pepperpy_otel.instrumentation.libraries.modules_of", fail)
    site.instrumentation("a", "lib_a")
    loader.instrument(["a"], record=record)
    assert lines == ["instrumentation a is left out: ValueError: broken"]
    assert loader.states() == {"a": "failed: ValueError: broken"}


def test_what_the_app_has_instrumented_is_the_app_s(site: Site, record: Ledger) -> None:
    """Not a second time, and not taken back either."""
    site.instrumentation("a")
    own = importlib.import_module("instrumentation_of_a").Instrumentor()
    own.instrument(mine=True)
    loader.instrument(["a"], record=record)
    assert loader.states() == {"a": "instrumented by the app"}
    record.undo()
    assert calls_of("a") == [{"mine": True}]
    own.uninstrument()


def test_an_app_that_imports_an_instrumentation_by_hand(site: Site, record: Ledger) -> None:
    """That imports the library in the middle; ours must not need the half-imported module."""
    site.module("lib_a")
    site.distribution("lib_a")
    site.module("opentelemetry_by_hand", "import lib_a")
    site.instrumentation("a", "lib_a", start="import lib_a")
    loader.instrument(["a"], record=record)
    importlib.import_module("instrumentation_of_a")
    assert calls_of("a") == [{}]


def test_an_undoing_that_fails_says_so(site: Site, record: Ledger) -> None:
    """The ledger puts it into the report."""
    site.instrumentation("a", undo="raise RuntimeError('no way back')")
    loader.instrument(["a"], record=record)
    ((_, undo),) = record.entries
    with pytest.raises(RuntimeError, match="no way back"):
        undo()
    assert loader.states() == {}


def test_undone_while_another_thread_instruments(site: Site, record: Ledger) -> None:
    """Whichever comes last, nothing stays instrumented."""
    gate: Any = type(sys)("lib_gate")
    gate.entered, gate.go_on = threading.Event(), threading.Event()
    sys.modules["lib_gate"] = gate
    site.module("lib_a")
    site.distribution("lib_a")
    body = "import lib_gate; lib_gate.entered.set(); lib_gate.go_on.wait(10)"
    site.instrumentation("a", "lib_a", body=body)
    loader.instrument(["a"], record=record)
    importing = threading.Thread(target=importlib.import_module, args=("lib_a",))
    importing.start()
    assert gate.entered.wait(10)
    record.undo()
    gate.go_on.set()
    importing.join(10)
    del sys.modules["lib_gate"]
    assert calls_of("a") == [{}, "uninstrument"]


def test_threads_that_import_at_once_instrument_once(site: Site, record: Ledger) -> None:
    """Whichever imports first."""
    site.module("lib_a")
    site.distribution("lib_a")
    site.instrumentation("a", "lib_a")
    loader.instrument(["a"], record=record)
    start = threading.Barrier(4)

    def work() -> None:
        start.wait(10)
        importlib.import_module("lib_a")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert calls_of("a") == [{}]


def test_two_libraries_for_one_instrumentation(site: Site, record: Ledger) -> None:
    """The first one that is imported lets it run; the second one changes nothing."""
    site.module("lib_a")
    site.module("lib_b")
    for name in ("lib_a", "lib_b"):
        site.distribution(name)
    site.module("instrumentation_of_ab", "calls = []")
    site.instrumentation("c", "lib_a")
    (site.path / "instrumentation_of_c-1.0.dist-info" / "METADATA").write_text(
        "Name: instrumentation_of_c\nVersion: 1.0\n"
        "Requires-Dist: lib_a; extra == 'instruments'\n"
        "Requires-Dist: lib_b>=1; python_version > '3' and extra == \"instruments\"\n\n"
    )
    loader.instrument(["c"], record=record)
    assert loader.states() == {"c": "waiting for lib_a or lib_b"}
    importlib.import_module("lib_b")
    importlib.import_module("lib_a")
    assert calls_of("c") == [{}]


def test_hooks_before_and_after(site: Site, record: Ledger, lines: list[str]) -> None:
    """As upstream runs them, around the instrumentations; one that raises is one line."""
    site.module(
        "hooks_of_others",
        """
        order = []

        def before():
            order.append("before")

        def after():
            import instrumentation_of_a
            order.append(f"after {len(instrumentation_of_a.calls)}")

        def broken():
            raise RuntimeError("no")
        """,
    )
    site.distribution(
        "hooks_of_others",
        """
        [opentelemetry_pre_instrument]
        before = hooks_of_others:before
        broken = hooks_of_others:broken
        [opentelemetry_post_instrument]
        after = hooks_of_others:after
        """,
    )
    site.instrumentation("a")
    loader.instrument(["a"], record=record)
    assert importlib.import_module("hooks_of_others").order == ["before", "after 1"]
    assert lines == ["opentelemetry_pre_instrument hook broken failed: RuntimeError: no"]


def test_our_own_bug_does_not_fail_the_app_s_import(
    site: Site, record: Ledger, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is reported, and the module is imported."""
    site.module("lib_a")
    site.instrumentation("a", "lib_a")

    def fail(_: object) -> None:
        raise KeyError("bug")

    monkeypatch.setattr("pepperpy_otel.instrumentation.deferred.Deferred.run", fail)
    loader.instrument(["a"], record=record)
    assert importlib.import_module("lib_a").__name__ == "lib_a"
    assert "what follows the import of lib_a" in lines[0]


def test_the_user_s_patterns_count_from_wherever(
    site: Site, record: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of pyproject.toml reach every instrumentation; undone with the rest."""
    monkeypatch.delenv("OTEL_PYTHON_EXCLUDED_URLS", raising=False)
    site.instrumentation("a", body="import os; kwargs = os.environ['OTEL_PYTHON_EXCLUDED_URLS']")
    loader.instrument(["a"], record=record, excluded_urls=["/a", "/b"])
    assert calls_of("a") == ["/a,/b"]
    record.undo()
    assert "OTEL_PYTHON_EXCLUDED_URLS" not in __import__("os").environ
    assert hooks._finder not in sys.meta_path
