"""Imports point down: the floors of the house (docs/architecture.md), read from the source."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import pepperpy_otel

PACKAGE = Path(pepperpy_otel.__file__).parent

#: The floor of each top-level module or package; what is not listed here fails the test.
FLOORS = {
    **dict.fromkeys(["cli", "demo", "stack", "distro", "__main__"], 6),
    **dict.fromkeys(
        [
            "bootstrap",
            "configurators",
            "assembly",
            "adoption",
            "declarative",
            "fittings",
            "vitals",
            "lifecycle",
            "signals",
            "signal_table",
            "stray",
            "children",
            "spawned",
            "telemetry",
            "ledger",
            "backup",
            "deadlines",
            "covered",
            "expectations",
            "footprint",
            "legacy",
            "watching",
            "_public",
            "pipelines",
            "propagators",
            "versions",
        ],
        5,
    ),
    **dict.fromkeys(["health", "instrumentation"], 4),
    **dict.fromkeys(["tracing", "metrics", "logging", "correlation"], 3),
    **dict.fromkeys(["delivery", "redaction", "resource"], 2),
    **dict.fromkeys(
        [
            "settings",
            "environment",
            "errors",
            "_current",
            "_compat",
            "_entry_points",
            "_failing",
            "_forks",
            "_native",
            "_owner",
            "_version",
        ],
        1,
    ),
}
#: Data that is laid into the wheel; in a checkout it lies elsewhere.
NOT_OURS = ("examples", "collector-config")
#: Floors on which nothing may be imported from a neighbour.
ISOLATED = {3, 4}


def _home(module: str) -> str:
    """The top-level part that a module belongs to; ``_settings_table`` belongs to ``settings``."""
    part = module.split(".")[1] if "." in module else ""
    return "settings" if part.startswith("_settings") else part


def _type_checking_lines(tree: ast.AST) -> set[int]:
    lines: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for child in node.body:
                lines.update(range(child.lineno, (child.end_lineno or child.lineno) + 1))
    return lines


def _imports() -> list[tuple[str, str, str]]:
    """Every import of one part of ours by another at run time: (importer, imported, where)."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        relative = path.relative_to(PACKAGE)
        inner = len(relative.parts) > 1
        if relative.parts[0] in NOT_OURS or (relative.name == "__init__.py" and not inner):
            continue
        importer = _home(f"pepperpy_otel.{relative.with_suffix('').parts[0]}")
        tree = ast.parse(path.read_text(encoding="utf-8"))
        typing_only = _type_checking_lines(tree)
        for node in ast.walk(tree):
            if getattr(node, "lineno", 0) in typing_only:
                continue
            for module in _modules(node):
                imported = _home(module)
                if imported and imported != importer:
                    found.append((importer, imported, f"{relative}:{node.lineno}"))  # type: ignore[attr-defined]
    return found


def _modules(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names if alias.name.startswith("pepperpy_otel.")]
    if isinstance(node, ast.ImportFrom) and node.module:
        if node.module == "pepperpy_otel":
            return [f"pepperpy_otel.{alias.name}" for alias in node.names]
        if node.module.startswith("pepperpy_otel."):
            return [node.module]
    return []


IMPORTS = _imports()


def test_the_scan_sees_imports() -> None:
    """The scanner finds the imports that are known to be there, or it would prove nothing."""
    assert ("bootstrap", "settings") in {(importer, imported) for importer, imported, _ in IMPORTS}


@pytest.mark.parametrize(("importer", "imported", "where"), IMPORTS)
def test_imports_point_down(importer: str, imported: str, where: str) -> None:
    """No part imports one from a higher floor, nor a neighbour on the floors of the signals."""
    if imported not in FLOORS and imported in dir(pepperpy_otel):
        pytest.fail(f"{where} imports the public face ({imported}); import the module behind it")
    upper, lower = FLOORS[importer], FLOORS[imported]
    assert lower <= upper, f"{where}: {importer} (floor {upper}) imports {imported} ({lower})"
    if upper in ISOLATED and imported != "correlation":  # all signals have to do with it
        assert lower < upper, f"{where}: {importer} imports its neighbour {imported}"


def test_every_part_has_a_floor() -> None:
    """A new module has to be given its place in the house."""
    parts = {
        _home(f"pepperpy_otel.{path.stem}")
        for path in PACKAGE.iterdir()
        if (path.suffix == ".py" or (path / "__init__.py").exists()) and path.stem != "__init__"
    }
    assert parts - set(FLOORS) - {"examples", "__pycache__"} == set()


def test_health_knows_nothing_of_the_sdk_and_delivery() -> None:
    """Health works with anybody's providers: it imports the API at most."""
    for path in (PACKAGE / "health").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "opentelemetry.sdk" not in text
        assert "pepperpy_otel.delivery" not in text


def test_private_opentelemetry_names_live_in_compat_only() -> None:
    """Only _compat imports a private module or name of OpenTelemetry.

    ``opentelemetry._logs`` and ``opentelemetry.sdk._logs`` are the documented home of the logs
    signal while it is experimental; there is no other.
    """
    offenders = []
    for path in PACKAGE.rglob("*.py"):
        if path.parent.name == "_compat":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("opentelemetry"):
                names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
                private = [name for name in names if name.startswith("_") and name != "__version__"]
                if set(private) - {"_logs", "_incubating", "_importlib_metadata"}:
                    offenders.append(f"{path.relative_to(PACKAGE)}:{node.lineno} {private}")
    assert offenders == []
