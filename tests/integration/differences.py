"""Differences between two runs, and the page on which the allowed ones are written.

``docs/differences.md`` is the allow list itself: its tables are read, row by row, so that the page
cannot say anything else than the tests.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.metadata import version
from pathlib import Path

from tests.integration.facts import ABSENT, Facts, Key

PAGE = Path(__file__).resolve().parents[2] / "docs" / "differences.md"
ONLY_WITH = re.compile(r"With opentelemetry-sdk ([\w.]+) only")
CELL_BREAK = re.compile(r"(?<!\\)\|")
CODE = re.compile(r"^`(.*)`$")


@dataclass(frozen=True, slots=True)
class Difference:
    """One fact that is not the same in both runs."""

    key: Key
    theirs: str
    ours: str

    def __str__(self) -> str:
        subject, name, field, occurrence = self.key
        what = f"{subject} `{name}`" + (f" `{field}`" if field else "")
        return f"{what} ({occurrence})\n    theirs: {self.theirs!r}\n    ours:   {self.ours!r}"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table of the page; cells are patterns (``*``)."""

    subject: str
    name: str
    field: str
    theirs: str
    ours: str
    why: str

    @property
    def applies(self) -> bool:
        """Whether it speaks of the SDK that is installed: some say for which one they hold."""
        only = ONLY_WITH.match(self.why)
        return only is None or only.group(1) == version("opentelemetry-sdk")

    def allows(self, difference: Difference) -> bool:
        """Whether it is about this difference."""
        key = difference.key
        return (
            self.subject == key.subject
            and _matches(key.name, self.name)
            and _matches(key.field, self.field)
            and _matches(difference.theirs, self.theirs)
            and _matches(difference.ours, self.ours)
        )


def compare(theirs: Facts, ours: Facts) -> list[Difference]:
    """What differs. Of a thing that only one of them has, the fields are not told."""
    found = []
    for key in sorted(theirs.keys() | ours.keys()):
        left, right = theirs.get(key, ABSENT), ours.get(key, ABSENT)
        if left == right:
            continue
        whole = [key._replace(field=""), key._replace(field=f"{_point(key.field)}")]
        one_sided = any(part != key and (part in theirs) != (part in ours) for part in whole)
        if not one_sided:
            found.append(Difference(key, left, right))
    return found


def judge(
    differences: Iterable[Difference], rows: Iterable[Row]
) -> tuple[list[Difference], set[Row]]:
    """The differences that no row allows, and the rows that allowed one."""
    rows = list(rows)
    used: set[Row] = set()
    undocumented = []
    for difference in differences:
        matching = [row for row in rows if row.allows(difference)]
        used.update(matching)
        if not matching:
            undocumented.append(difference)
    return undocumented, used


def tables(text: str) -> dict[str, list[dict[str, str]]]:
    """The tables of a page by the heading that they stand under: a dictionary for each row."""
    found: dict[str, list[dict[str, str]]] = {}
    heading = ""
    header: list[str] = []
    for line in text.splitlines():
        if line.startswith("#"):
            heading, header = line.lstrip("#").strip(), []
        elif not line.startswith("|"):
            header = []
        elif not header:
            header = list(_cells(line))
        elif not set(line) <= set("|-: "):
            row = dict(zip(header, _cells(line), strict=True))
            found.setdefault(heading, []).append(row)
    return found


def documented(heading: str, page: Path = PAGE) -> list[Row]:
    """The rows of one table of the page as patterns."""
    rows = [_row(row) for row in tables(page.read_text(encoding="utf-8"))[heading]]
    return [row for row in rows if row.applies]


def _row(cells: Mapping[str, str]) -> Row:
    return Row(
        cells["What"],
        cells["Name"],
        cells["Field"],
        cells["opentelemetry-distro"],
        cells["pepperpy-otel"],
        cells["Why"],
    )


def _cells(line: str) -> Iterator[str]:
    for cell in CELL_BREAK.split(line.strip().strip("|")):
        text = cell.strip().replace("\\|", "|")
        code = CODE.match(text)
        yield code.group(1) if code else text


def _point(field: str) -> str:
    """A metric's data point, for one of its fields: ``{kind=int} value`` → ``{kind=int}``."""
    return field[: field.rindex("}") + 1] if field.startswith("{") else field


def _matches(text: str, pattern: str) -> bool:
    # Brackets mean themselves: span names with a path have them.
    return fnmatchcase(text, re.sub(r"([\[\]])", r"[\1]", pattern))
