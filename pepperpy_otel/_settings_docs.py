"""Writes docs/configuration.md from the table: ``python -m pepperpy_otel._settings_docs``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pepperpy_otel._settings_elsewhere import ELSEWHERE, IGNORED
from pepperpy_otel._settings_table import GROUPS
from pepperpy_otel._settings_text import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pepperpy_otel._settings_row import Row

_INTRODUCTION = """\
# Configuration

<!-- Written by `python -m pepperpy_otel._settings_docs docs/configuration.md`; edit the table in
pepperpy_otel/_settings_table.py instead. -->

Every setting can be given in three places. The first one that has it wins:

1. an argument of `pepperpy_otel.configure()`, where the column *argument* says so;
2. the environment variable; one that is set to nothing counts as not set;
3. the key in `[tool.pepperpy_otel]` of `pyproject.toml` in the current directory;

and else the default holds. The key is the name in the first column, and so is the argument:

```toml
[tool.pepperpy_otel]
service_name = "shop"
headers = { authorization = "Bearer …" }
traces = ["otlp", "console"]
bsp_schedule_delay = 1000
```

A setting for one signal (`traces_endpoint`) wins over the general one (`endpoint`) of the same
place; a general one of a higher place wins over it. Resource attributes of all places are merged.

A value that cannot be used is one warning line with its name, the value, where it stands and what
to write instead; then the next place counts. With `strict` it is a `ConfigurationError` with the
same words. Header values are never shown. Booleans of the specification are `true` or `false` in
the environment; ours take `1`/`0`, `yes`/`no` and `on`/`off` too. A timeout of 0 is no limit.
"""

_ELSEWHERE = """\
## Read by others

These variables work as they do without pepperpy-otel.

| variable | read by |
|---|---|
"""

_IGNORED = """\
## Without effect

| variable | why |
|---|---|
"""


def page() -> str:
    """The whole page."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield _INTRODUCTION
    for title, rows in GROUPS:
        yield from _group(title, rows)
    yield _ELSEWHERE + "\n".join(f"| `{name}` | {doc} |" for name, doc in ELSEWHERE.items()) + "\n"
    yield _IGNORED + "\n".join(f"| `{name}` | {why} |" for name, why in IGNORED.items()) + "\n"


def _group(title: str, rows: Iterable[Row]) -> Iterator[str]:
    yield f"## {title}\n"
    yield "| name | argument | environment variable | default | meaning |"
    yield "|---|---|---|---|---|"
    for row in rows:
        argument = "yes" if row.argument else ""
        default = shown(row, row.default)
        default = default if default == "unset" else f"`{default}`"
        yield f"| `{row.name}` | {argument} | `{row.variable}` | {default} | {row.doc} |"
    yield ""


def main(arguments: list[str]) -> int:
    """Write the page to the path given, or to the terminal."""
    if arguments:
        Path(arguments[0]).write_text(page(), encoding="utf-8")
    else:
        sys.stdout.write(page())
    return 0


if __name__ == "__main__":  # the test runs it as users do, in a process of its own
    sys.exit(main(sys.argv[1:]))
