"""The old parts are off while telemetry runs, and exactly as they were afterwards."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client import CollectorRegistry

import pepperpy_otel
from pepperpy_otel import Legacy
from pepperpy_otel.ledger import Ledger
from pepperpy_otel.legacy import switch_off

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pepperpy_otel.telemetry import Telemetry

CALLS: list[Any] = []


def old_metric(value: int) -> str:
    """Tell the old monitoring."""
    CALLS.append(value)
    return "told"


async def old_async() -> str:
    CALLS.append("async")
    return "told"


def old_generator() -> Iterator[int]:
    yield 1


class Monitor:
    def record(self) -> None:
        CALLS.append("record")

    @staticmethod
    def static() -> None:
        CALLS.append("static")


MONITOR = Monitor()


@pytest.fixture(autouse=True)
def _no_calls() -> None:
    CALLS.clear()


@pytest.fixture
def user(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module that has imported the old function under a name of its own."""
    module = ModuleType("an_importing_module")
    module.tell = old_metric  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


@pytest.fixture
def run(configure: Callable[..., Telemetry]) -> Callable[..., Telemetry]:
    return lambda legacy: configure(
        traces=False, metrics=False, logs=False, health=False, legacy=legacy
    )


def test_a_function_does_nothing_wherever_a_module_has_it(
    run: Callable[..., Telemetry], user: ModuleType
) -> None:
    """Also where it was imported by name; it still looks like itself; then it is back."""
    original = old_metric
    run([old_metric])
    here = sys.modules[__name__]
    assert here.old_metric(1) is None  # type: ignore[attr-defined]
    assert user.tell(2) is None
    assert here.old_metric.__doc__ == original.__doc__  # type: ignore[attr-defined]
    assert CALLS == []
    report = pepperpy_otel.rollback()
    assert report
    assert user.tell is original
    assert here.old_metric is original  # type: ignore[attr-defined]
    assert "legacy: an_importing_module.tell" in report.restored
    assert user.tell(3) == "told"


def test_kinds_of_functions_stay_what_they_are(run: Callable[..., Telemetry]) -> None:
    """A coroutine function can be awaited, a generator gives nothing, methods and classes too."""
    here: Any = sys.modules[__name__]
    run([old_async, old_generator, MONITOR.record, Monitor.static, f"{__name__}:Monitor.record"])
    assert asyncio.run(here.old_async()) is None
    assert list(here.old_generator()) == []
    MONITOR.record()
    Monitor().record()
    Monitor.static()
    Monitor().static()
    assert CALLS == []
    assert pepperpy_otel.rollback()
    assert "record" not in vars(MONITOR)
    assert isinstance(vars(Monitor)["static"], staticmethod)
    MONITOR.record()
    Monitor().static()
    assert CALLS == ["record", "static"]


def test_handlers_are_taken_off_and_put_back_where_they_were(
    run: Callable[..., Telemetry],
) -> None:
    """In their place among the others, on every logger that has them."""
    root, named = logging.getLogger(), logging.getLogger("old.logging")
    old, other = logging.NullHandler(), logging.NullHandler()
    for logger in (root, named):
        logger.addHandler(old)
        logger.addHandler(other)
    before = {logger: list(logger.handlers) for logger in (root, named)}
    try:
        run(old)
        assert old not in named.handlers
        assert old not in root.handlers
        assert other in root.handlers
        assert pepperpy_otel.rollback()
        assert {logger: list(logger.handlers) for logger in (root, named)} == before
    finally:
        for logger in (root, named):
            logger.removeHandler(old)
            logger.removeHandler(other)


def test_a_handler_that_the_app_put_back_itself_is_there_once(
    run: Callable[..., Telemetry],
) -> None:
    """Rollback adds no second one."""
    logger, handler = logging.getLogger("old.logging"), logging.NullHandler()
    logger.addHandler(handler)
    run({"handlers": [handler]})
    logger.addHandler(handler)
    pepperpy_otel.rollback()
    assert logger.handlers == [handler]
    logger.removeHandler(handler)


def test_a_pair_is_called_off_and_on(run: Callable[..., Telemetry]) -> None:
    """For what cannot be switched off from outside; alone or in a list."""
    for given in ((off, on), [(off, on)], Legacy(switches=[(off, on)])):
        CALLS.clear()
        run(given)
        assert CALLS == ["off"]
        assert "legacy: off, undone by on" in pepperpy_otel.rollback().restored
        assert CALLS == ["off", "on"]


def off() -> None:
    CALLS.append("off")


def on() -> None:
    CALLS.append("on")


def test_references_are_looked_up(
    monkeypatch: pytest.MonkeyPatch, configure: Callable[..., Telemetry], user: ModuleType
) -> None:
    """From the environment and pyproject.toml: functions and handlers."""
    handler = logging.NullHandler()
    logging.getLogger("old.logging").addHandler(handler)
    user.handler = handler  # type: ignore[attr-defined]
    monkeypatch.setenv("PEPPERPY_OTEL_LEGACY", f"{__name__}:old_metric, {user.__name__}:handler")
    configure(health=False)
    assert user.tell(1) is None
    assert logging.getLogger("old.logging").handlers == []
    pepperpy_otel.rollback()
    assert user.tell(1) == "told"
    assert logging.getLogger("old.logging").handlers == [handler]
    logging.getLogger("old.logging").removeHandler(handler)


def test_a_table_in_pyproject_names_files_too(
    monkeypatch: pytest.MonkeyPatch, configure: Callable[..., Telemetry], tmp_path: Path
) -> None:
    """Under the names of ``Legacy``."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text(
        '[tool.pepperpy_otel.legacy]\nlog_files = ["app.log"]\nspan_files = []\n'
    )
    telemetry = configure(health=False)
    assert Legacy.of(telemetry.settings.legacy) == Legacy(log_files=["app.log"], span_files=[])


@pytest.mark.parametrize(
    ("legacy", "message"),
    [
        (lambda: None, "stays on (LookupError: no module has it under a name"),
        ("no_such_module:f", "no_such_module:f stays on (ModuleNotFoundError"),
        (f"{__name__}:nothing", "stays on (AttributeError"),
        (f"{__name__}:CALLS", "stays on (TypeError: it is neither a function nor a handler)"),
        (logging.NullHandler(), "stays on (LookupError: no logger has it)"),
        ([3], "legacy: 3 is no function, handler, pair of functions or registry"),
        (3, "legacy=3 (argument) is nothing that can be switched off; pass functions"),
        (["no reference"], "legacy: 'no reference' is no function"),
        ("no reference", "legacy='no reference' (argument) is not a reference"),
        ({"function": []}, "legacy: 'function' is unknown; use functions, handlers"),
        ((lambda: 1 / 0, on), "stays on (ZeroDivisionError"),
        ({"functions": 3}, "3 stays on (TypeError: it is neither a function nor a handler)"),
        ({"switches": [on]}, "on stays on (TypeError"),
    ],
)
def test_what_cannot_be_switched_off_is_one_line_and_stays_on(
    run: Callable[..., Telemetry],
    capsys: pytest.CaptureFixture[str],
    legacy: Any,
    message: str,
) -> None:
    """And the rest of configure() goes on."""
    assert run(legacy)
    assert message in capsys.readouterr().err
    assert pepperpy_otel.rollback()


def test_a_bad_reference_in_the_environment_is_one_line(
    configure: Callable[..., Telemetry],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As of any other setting."""
    monkeypatch.setenv("PEPPERPY_OTEL_LEGACY", "nonsense")
    configure(health=False)
    assert capsys.readouterr().err.startswith(
        "pepperpy_otel: PEPPERPY_OTEL_LEGACY='nonsense' (environment) is not a reference"
    )


def test_what_was_replaced_since_is_not_touched(
    run: Callable[..., Telemetry], user: ModuleType
) -> None:
    """Somebody else's function stays, and the report says so."""
    run(old_metric)
    user.tell = on  # type: ignore[attr-defined]
    report = pepperpy_otel.rollback()
    assert user.tell is on
    assert any("was replaced by somebody else since" in what for what in report.inert)


def test_things_are_told_apart_by_what_they_are() -> None:
    """A path is a log file, a registry a registry; nothing is nothing."""
    registry, path = CollectorRegistry(), Path("app.log")
    assert Legacy.of([registry, path]) == Legacy(registry=registry, log_files=(path,))
    assert Legacy.of(None) == Legacy()


def test_a_class_is_found_by_its_path_only_if_it_has_the_method() -> None:
    """A function whose qualified name leads nowhere is found in modules alone."""
    ledger = Ledger()
    switch_off(Legacy(functions=[Monitor.record]), ledger)
    assert ledger.entries == ("legacy: Monitor.record",)
    assert ledger.undo()


def test_one_thing_needs_no_list(run: Callable[..., Telemetry], tmp_path: Path) -> None:
    """A path, a registry, a ``Legacy``."""
    for given in (tmp_path / "app.log", CollectorRegistry(), Legacy()):
        assert run(given).settings.legacy is given
        pepperpy_otel.rollback()


def test_nor_does_it_under_its_name() -> None:
    """One function, handler, pair or path stands for a list of one."""
    path, handler = Path("app.log"), logging.NullHandler()
    assert Legacy.of(
        {"functions": old_metric, "handlers": handler, "switches": (on, on)}
    ) == Legacy(functions=(old_metric,), handlers=(handler,), switches=((on, on),))
    assert Legacy(functions="a:b", log_files="x.log", span_files=path) == Legacy(
        functions=("a:b",), log_files=("x.log",), span_files=(path,)
    )


class Holder:
    """Has a function that no module knows."""


HOLDER = Holder()
HOLDER.callback = lambda: CALLS.append("called")  # type: ignore[attr-defined]


def test_a_reference_leads_to_any_place(run: Callable[..., Telemetry]) -> None:
    """Also to the attribute of an object."""
    run([f"{__name__}:HOLDER.callback"])
    HOLDER.callback()  # type: ignore[attr-defined]
    assert CALLS == []
    assert pepperpy_otel.rollback()
    HOLDER.callback()  # type: ignore[attr-defined]
    assert CALLS == ["called"]
