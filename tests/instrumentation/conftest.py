"""Instrumentations made for the test: real distributions on a path of their own."""

from __future__ import annotations

import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

INSTRUMENTOR = """
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

calls = []

class Instrumentor(BaseInstrumentor):
    def instrumentation_dependencies(self):
        return []
    def _instrument(self, **kwargs):
        calls.append(("instrument", kwargs))
        {body}
    def _uninstrument(self, **kwargs):
        calls.append(("uninstrument", kwargs))
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Puts a distribution with an instrumentor, and its library, on the import path."""
    monkeypatch.syspath_prepend(str(tmp_path))
    made: list[str] = []

    def call(
        name: str,
        *,
        requires: str = "",
        body: str = "pass",
        source: str | None = None,
        library: bool = True,
        group: str = "opentelemetry_instrumentor",
        attribute: str = "Instrumentor",
    ) -> None:
        module = f"fake_{name}_instrumentation"
        text = textwrap.dedent(source) if source else INSTRUMENTOR.format(body=body)
        (tmp_path / f"{module}.py").write_text(text)
        if library:
            (tmp_path / f"{name}.py").write_text("value = 1\n")
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        needs = f"Requires-Dist: {requires}; extra == 'instruments'\n" if requires else ""
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n{needs}"
        )
        (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {module}:{attribute}\n")
        made.extend([name, module])

    yield call
    for module in made:
        sys.modules.pop(module, None)


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts the metadata of an installed library on the import path."""

    def call(name: str, version: str = "1.0") -> None:
        info = tmp_path / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")

    return call
