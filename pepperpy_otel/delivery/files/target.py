"""Where files of OTLP lines lie."""

from __future__ import annotations

from typing import NamedTuple


class FileTarget(NamedTuple):
    """Where the files lie, and how large they may grow.

    Args:
        directory: Made when it is missing, for the owner alone.
        max_bytes: Size at which a file is put aside; 0 for no limit.
        max_files: Files that were put aside are kept up to this number, for each signal.
    """

    directory: str
    max_bytes: int = 64 * 1024 * 1024
    max_files: int = 10
