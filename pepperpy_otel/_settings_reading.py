"""Reading the table: for each row the first good value of argument, environment and pyproject."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pepperpy_otel._settings_table import TABLE
from pepperpy_otel._settings_values import KEY_PREFIX, Source
from pepperpy_otel.environment import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pepperpy_otel._settings_row import Row
    from pepperpy_otel.errors import Problems

_DEFAULT = Source(kind="default", name="")


class Reading:
    """What was found so far.

    Args:
        arguments: What configure() was called with.
        environ: The environment variables.
        problems: Takes note of what is bad.

    Attributes:
        values: The value of each row, in the unit that the user writes.
        sources: Where it came from.
        layers: Of a row whose sources add up: source and value of each, highest first.
        raw: What was written for a row that somebody set.
        rejected: Names of rows for which something bad was given.
        objects: What a row of references stands for; ``values`` then holds their text.
    """

    def __init__(
        self, arguments: Mapping[str, object], environ: Mapping[str, str], problems: Problems
    ) -> None:
        if unknown := sorted(set(arguments) - set(TABLE)):
            raise TypeError(f"no such setting: {', '.join(unknown)}")
        self.problems = problems
        self.values: dict[str, Any] = {}
        self.sources: dict[str, Source] = {}
        self.layers: dict[str, list[tuple[Source, Any]]] = {}
        self.raw: dict[str, object] = {}
        self.rejected: set[str] = set()
        self.objects: dict[str, tuple[Any, ...]] = {}
        self._arguments = arguments
        self._environ = environ
        self._section: Mapping[str, Any] = {}

    def read_all(self, directory: Path) -> None:
        """Read every row; ``strict`` first, since it says what becomes of the other's problems."""
        strict = TABLE["strict"]
        self._heed(strict)
        self._section = _section_of(directory, self.problems)
        self._heed(strict)
        if self._section:
            from pepperpy_otel._settings_pyproject import check_keys

            check_keys(self._section, self.problems)
        self._check_variables()
        for row in TABLE.values():
            self._read(row)

    def _heed(self, strict: Row) -> None:
        self._read(strict)
        if self.values["strict"]:
            self.problems.strict = True

    def _read(self, row: Row) -> None:
        found = list(self._good(row))
        value, source = row.default, _DEFAULT
        if found:
            value, source, raw = found[0]
            self.raw[row.name] = raw
            if row.parser == "objects.objects":
                self.objects[row.name] = value
                # Two readings make two objects of one reference: the text is what can be compared.
                value = value if source.kind == "argument" else raw
            elif row.merged:
                self.layers[row.name] = [(where, layer) for layer, where, _ in found]
                value = {key: item for layer, *_ in reversed(found) for key, item in layer.items()}
        self.values[row.name] = value
        self.sources[row.name] = source

    def _good(self, row: Row) -> Iterator[tuple[Any, Source, object]]:
        """The good values of a row, the highest source first; only the first unless they add up."""
        for raw, source in self._candidates(row):
            from pepperpy_otel._settings_given import Given, Rejected, parse

            try:
                yield parse(row, Given(row.name, raw, source, self.problems)), source, raw
            except Rejected:
                self.rejected.add(row.name)
                continue
            if not row.merged:
                return

    def _candidates(self, row: Row) -> Iterator[tuple[object, Source]]:
        """What was given for a row, the highest source first; what is empty was not given."""
        raw = self._arguments.get(row.name)
        # An argument that stands at its default in the signature was not given.
        absent = raw is None or (isinstance(raw, tuple) and not raw)
        if not absent and not (row.name == "strict" and raw is False):
            yield raw, Source(kind="argument", name=row.name)
        text = self._environ.get(row.variable)
        if text and text.strip():
            yield text, Source(kind="environment", name=row.variable)
        if row.name in self._section:
            yield self._section[row.name], Source(kind="pyproject.toml", name=KEY_PREFIX + row.name)

    def _check_variables(self) -> None:
        ours = {row.variable for row in TABLE.values()}
        unknown = [name for name in self._environ if name.startswith(PREFIX) and name not in ours]
        if unknown:
            from pepperpy_otel._settings_given import check_variables

            check_variables(unknown, self.problems)


def _section_of(directory: Path, problems: Problems) -> Mapping[str, Any]:
    path = directory / "pyproject.toml"
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        from pepperpy_otel._settings_pyproject import unreadable

        unreadable(path, error, problems)
        return {}
    if b"tool.pepperpy_otel" not in content and b"tool.pepperpy-otel" not in content:
        return {}
    from pepperpy_otel._settings_pyproject import read

    return read(path, content, problems)
