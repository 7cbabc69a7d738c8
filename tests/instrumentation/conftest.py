"""What tests of instrumentations share: libraries and instrumentations that are made up."""

from __future__ import annotations

import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from pepperpy_otel import errors
from pepperpy_otel.instrumentation import deferred, loader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


INSTRUMENTATION = """
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

{start}
calls = []

class Instrumentor(BaseInstrumentor):
    def instrumentation_dependencies(self):
        return ()

    def _instrument(self, **kwargs):
        {body}
        calls.append(kwargs)

    def _uninstrument(self, **kwargs):
        {undo}
        calls.append("uninstrument")
"""


class Site:
    """A directory on ``sys.path`` with modules and distributions of this test's."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.modules: list[str] = []

    def module(self, name: str, source: str = "") -> None:
        """Write a module; of a dotted name, with the packages above it."""
        *packages, last = name.split(".")
        directory = self.path
        for package in packages:
            directory /= package
            directory.mkdir(exist_ok=True)
            (directory / "__init__.py").touch()
        (directory / f"{last}.py").write_text(textwrap.dedent(source))
        self.modules.append(name)

    def distribution(
        self, name: str, entry_points: str = "", requires: tuple[str, ...] = (), **files: str
    ) -> Path:
        """Write the metadata of a distribution."""
        directory = self.path / f"{name}-1.0.dist-info"
        directory.mkdir()
        lines = [f"Name: {name}", "Version: 1.0", *(f"Requires-Dist: {line}" for line in requires)]
        (directory / "METADATA").write_text("Metadata-Version: 2.1\n" + "\n".join(lines) + "\n\n")
        if entry_points:
            (directory / "entry_points.txt").write_text(textwrap.dedent(entry_points))
        for file, text in files.items():
            (directory / file).write_text(text)
        return directory

    def instrumentation(
        self, name: str, requires: str = "", body: str = "pass", undo: str = "pass", start: str = ""
    ) -> None:
        """Write an instrumentation: it notes in its module what is done to it.

        Args:
            name: Of its entry point.
            requires: The library and its versions.
            body: What it does when it instruments.
            undo: What it does when it is taken back.
            start: What its module does when it is imported.
        """
        module = f"instrumentation_of_{name}"
        self.module(module, INSTRUMENTATION.format(body=body, undo=undo, start=start))
        self.distribution(
            module,
            f"[opentelemetry_instrumentor]\n{name} = {module}:Instrumentor\n",
            requires=(f"{requires}; extra == 'instruments'",) if requires else (),
        )


def calls_of(name: str) -> list[Any]:
    """What was done to an instrumentation that was made up; importing it is not done here."""
    module = sys.modules.get(f"instrumentation_of_{name}")
    return [] if module is None else list(module.calls)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A place for made-up modules and distributions, which are gone afterwards."""
    made = Site(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield made
    for name in set(sys.modules) - before:
        if any(name == ours or ours.startswith(f"{name}.") for ours in made.modules):
            del sys.modules[name]


@pytest.fixture(autouse=True)
def _nothing_left(record: Ledger) -> Iterator[None]:
    yield
    record.undo()
    assert loader.states() == {}, "the test left instrumentations: undo them"
    left = [type(finder).__module__ for finder in sys.meta_path]
    assert not any(module.startswith("pepperpy_otel") for module in left), "the hook is left"


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What we said, line by line."""
    said: list[str] = []

    def warn(message: str, *args: object) -> None:
        said.append(message % args)

    monkeypatch.setattr(errors, "_seen", set())
    for module in (errors, deferred, loader):
        monkeypatch.setattr(module, "warn", warn)
    return said


class Ledger:
    """Takes what can be undone, and undoes it, the newest first."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, Callable[[], None]]] = []

    def __call__(self, what: str, undo: Callable[[], None]) -> None:
        self.entries.append((what, undo))

    def undo(self) -> None:
        while self.entries:
            self.entries.pop()[1]()

    @property
    def names(self) -> list[str]:
        return [what for what, _ in self.entries]


@pytest.fixture
def record() -> Ledger:
    """A ledger that is undone behind the test."""
    return Ledger()
