"""What is installed is found as ``importlib.metadata`` finds it, without it."""

from __future__ import annotations

import sys
import zipfile
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

import pytest

from pepperpy_otel.instrumentation import catalog

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.instrumentation.conftest import Site


def _theirs() -> set[tuple[str, str, str]]:
    groups = (catalog.INSTRUMENTORS, catalog.BEFORE, catalog.AFTER)
    return {(p.group, p.name, p.value) for group in groups for p in entry_points(group=group)}


def _ours() -> set[tuple[str, str, str]]:
    return {(found.group, found.name, found.value) for found in catalog.installed()}


def test_the_same_as_importlib(site: Site) -> None:
    """Every entry point of this very environment, and of one with oddities."""
    site.distribution(
        "Odd.Name",
        """
        # a comment = x:y
        [opentelemetry_instrumentor]

        spaced  =  some.module : Thing
        nested = some.module:Thing.part
        [console_scripts]
        other = some.module:main
        [opentelemetry_pre_instrument]
        before = some.module:before
        """.replace(" : ", ":"),
    )
    assert _ours() == _theirs()
    assert ("opentelemetry_instrumentor", "spaced", "some.module:Thing") in _ours()


def test_the_first_of_a_name_counts(site: Site, tmp_path: Any, monkeypatch: Any) -> None:
    """As for imports: a copy further down the path is not there."""
    site.distribution("twice", "[opentelemetry_instrumentor]\nnew = a:b\n")
    behind = tmp_path / "behind"
    behind.mkdir()
    (behind / "Twice-0.5.dist-info").mkdir()
    (behind / "Twice-0.5.dist-info" / "entry_points.txt").write_text(
        "[opentelemetry_instrumentor]\nold = a:b\n"
    )
    monkeypatch.setattr(sys, "path", [*sys.path, str(behind)])
    names = {found.name for found in catalog.installed()}
    assert "new" in names
    assert "old" not in names


def test_extras_are_no_part_of_a_name(site: Site) -> None:
    """``module:Class [extra]`` is an old way to write it."""
    site.distribution("extra", "[opentelemetry_instrumentor]\ne = os:path.join [x]\n")
    (found,) = (one for one in catalog.installed() if one.name == "e")
    assert found.value == "os:path.join"
    assert found.module == "os"
    assert found.load() is __import__("os").path.join


def test_its_metadata_and_distribution(site: Site) -> None:
    """Read when they are asked for; an old ``.egg-info`` has them under another name."""
    site.distribution("modern", "[opentelemetry_instrumentor]\nmodern = a:b\n")
    old = site.path / "old.egg-info"
    old.mkdir()
    (old / "PKG-INFO").write_text("Metadata-Version: 1.0\nName: old\nVersion: 0.1\n")
    (old / "entry_points.txt").write_text("[opentelemetry_instrumentor]\nold = a:b\n")
    found = {one.name: one for one in catalog.installed()}
    assert "Name: modern" in found["modern"].metadata()
    assert "Name: old" in found["old"].metadata()
    distribution: Any = found["modern"].distribution()
    assert distribution.metadata["Name"] == "modern"


def test_where_a_distribution_lies(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of the last look, and with a look if there was none."""
    directory = site.distribution("Some.Library")
    monkeypatch.setattr(catalog, "_directories", {})
    assert catalog.directory_of("some_library") == str(directory)
    assert catalog.directory_of("no_such_library") is None


def test_entries_of_the_path_that_are_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing directories, and what is no text, are passed over; the empty one is here."""
    site.distribution("here", "[opentelemetry_instrumentor]\nhere = a:b\n")
    monkeypatch.chdir(site.path)
    monkeypatch.setattr(sys, "path", ["", "/no/such/directory", 5, None])
    assert [found.name for found in catalog.installed()] == ["here"]


def test_a_zip_file_is_left_to_importlib(
    site: Site, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not plain directories is found all the same."""
    archive = tmp_path / "app.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("zipped-1.0.dist-info/METADATA", "Name: zipped\nVersion: 1.0\n")
        file.writestr(
            "zipped-1.0.dist-info/entry_points.txt", "[opentelemetry_instrumentor]\nz = a:b\n"
        )
    monkeypatch.syspath_prepend(str(archive))
    assert not catalog.is_plain()
    assert _ours() == _theirs()
    (found,) = (one for one in catalog.installed() if one.name == "z")
    assert "Name: zipped" in found.metadata()


@pytest.mark.parametrize(("module", "plain"), [("somewhere", False), ("importlib_metadata", True)])
def test_finders_of_others(module: str, plain: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that knows distributions of its own is asked, through importlib."""
    kind = type("Finder", (), {"find_distributions": lambda *_: (), "__module__": module})
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, kind()])
    assert catalog.is_plain() is plain


def test_a_candidate_of_an_entry_point(site: Site) -> None:
    """With its distribution's metadata, if it knows it."""
    site.distribution("lib", "[opentelemetry_instrumentor]\nx = os:path\n")
    (point,) = entry_points(group="opentelemetry_instrumentor", name="x")
    found = catalog.candidate_of(point)
    assert (found.group, found.name, found.value) == ("opentelemetry_instrumentor", "x", "os:path")
    assert "Name: lib" in found.metadata()
    assert found.distribution() is point.dist  # type: ignore[attr-defined]
    bare = catalog.candidate_of(type(point)("x", "os:path", "group"))
    assert bare.metadata() == ""
    assert bare.distribution() is None


def test_nothing_heavy_is_imported(run_python: Callable[..., Any]) -> None:
    """Finding them is a matter of milliseconds."""
    code = """
        import sys
        from pepperpy_otel.instrumentation import catalog
        catalog.installed()
        print([m for m in ("importlib.metadata", "wrapt", "asyncio", "email") if m in sys.modules])
    """
    done = run_python(code)
    assert done.stdout == "[]\n", done.stderr
