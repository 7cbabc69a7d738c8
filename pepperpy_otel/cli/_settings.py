"""The settings as ``configure()`` would find them here, for commands that work without an app."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pepperpy_otel.cli.errors import CommandError
from pepperpy_otel.errors import ConfigurationError, Problems
from pepperpy_otel.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping


def settings_here(arguments: Mapping[str, object]) -> Settings:
    """Resolve arguments, environment and the pyproject.toml of the present directory.

    Raises:
        CommandError: One of the arguments cannot be used; what is wrong elsewhere is a warning.
    """
    problems = Problems()
    settings = Settings.resolve(
        arguments, environ=os.environ, directory=Path.cwd(), problems=problems
    )
    for error in problems.errors:
        if error.source == "argument":
            raise CommandError(_shown(error))
    problems.report()
    return settings


def _shown(error: ConfigurationError) -> str:
    return f"--{error.setting} {error.value!r} {error.problem}; {error.fix}"
