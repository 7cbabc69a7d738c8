"""``[tool.pepperpy_otel]`` of the pyproject.toml in one directory.

Loaded only when such a file is there and speaks of us; a TOML parser is not cheap to import.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

from pepperpy_otel._settings_given import nearest, one_line
from pepperpy_otel._settings_table import TABLE
from pepperpy_otel._settings_values import KEY_PREFIX, MASK
from pepperpy_otel.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pepperpy_otel.errors import Problems

tomllib = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")

SECTION = "tool.pepperpy_otel"
_KIND = "pyproject.toml"


def read(path: Path, content: bytes, problems: Problems) -> dict[str, Any]:
    """The section as it stands, keys unchecked; nothing where it cannot be read."""
    try:
        tool = tomllib.loads(content.decode("utf-8")).get("tool", {})
    except ValueError as error:  # both TOMLDecodeError and UnicodeDecodeError
        problem = f"cannot be read ({one_line(error)})"
        problems.add(ConfigurationError(SECTION, str(path), _KIND, problem, "correct the file"))
        return {}
    section = tool.get("pepperpy_otel") if isinstance(tool, dict) else None
    if isinstance(section, dict):
        return section
    if section is not None:
        problems.add(
            ConfigurationError(SECTION, section, _KIND, "is not a table", f"write [{SECTION}]")
        )
    elif isinstance(tool, dict) and "pepperpy-otel" in tool:
        problems.add(
            ConfigurationError(
                "tool.pepperpy-otel", "…", _KIND, "is not read", f"write [{SECTION}]"
            )
        )
    return {}


def unreadable(path: Path, error: OSError, problems: Problems) -> None:
    """Note that there is a file which may hold settings and which we cannot read."""
    problems.add(
        ConfigurationError(
            SECTION, str(path), _KIND, f"cannot be read ({error.strerror})", "make it readable"
        )
    )


def check_keys(section: Mapping[str, Any], problems: Problems) -> None:
    """Note each key that is no setting."""
    for key, value in section.items():
        if key in TABLE:
            continue
        meant = nearest(key, TABLE)
        fix = f"did you mean {meant!r}?" if meant else "see docs/configuration.md for the keys"
        problems.add(
            ConfigurationError(
                KEY_PREFIX + key, _shown(value, meant), _KIND, "is not a setting", fix
            )
        )


def _shown(value: object, meant: str | None) -> object:
    if isinstance(value, dict):
        return dict.fromkeys(value, MASK)
    return MASK if meant is not None and TABLE[meant].secret else value
