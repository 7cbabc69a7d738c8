"""``python -m generate [directory]``: write every dashboard as JSON, the same each time."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from . import health, home, pipeline, runtime, service, slo

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Dashboard

DASHBOARDS = Path(__file__).resolve().parents[1] / "dashboards"


def dashboards() -> list[Dashboard]:
    """All of them, in the order of the links at the top of each."""
    return [module.build() for module in (home, service, health, runtime, pipeline, slo)]


def write(directory: Path) -> list[Path]:
    """Write ``<uid>.json`` for each dashboard.

    Args:
        directory: An existing one.

    Returns:
        What was written.
    """
    written = []
    for each in dashboards():
        path = directory / f"{each.uid}.json"
        text = json.dumps(each, cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")
        written.append(path)
    return written


def main(arguments: list[str]) -> int:
    """Run the command line."""
    directory = Path(arguments[0]) if arguments else DASHBOARDS
    for path in write(directory):
        sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
