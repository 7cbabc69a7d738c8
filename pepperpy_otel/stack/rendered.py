"""Files that plain processes need and that cannot be the containers' own.

Secrets, and copies with this stack's addresses of what reads no environment: Prometheus's
configuration and Grafana's provisioning.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Where the token is in containers.
CONTAINERS_TOKEN = "/run/stack/secrets/otlp_token"
#: Where Grafana's packages put what its program needs.
GRAFANA_HOME = Path("/usr/share/grafana")


def redaction_key(directory: Path) -> Path:
    """The file with the key of the Collector's redaction, made at the first start."""
    return _secret(directory / "secrets" / "redaction_key", 48)


def password(directory: Path) -> Path:
    """The file with Grafana's password, made at the first start."""
    return _secret(directory / "secrets" / "grafana_password", 18)


def token(directory: Path) -> Path:
    """The file with the token of applications, made when it is first needed."""
    return _secret(directory / "secrets" / "otlp_token", 32)


def collector_token(config: Path, directory: Path, file_of_token: str) -> Path:
    """What the Collector reads on top of its configuration to ask for that token.

    Args:
        config: The directory of the configurations.
        directory: The stack's own directory.
        file_of_token: Where the token is, as the Collector sees it.
    """
    text = (config / "collector-token.yaml").read_text(encoding="utf-8")
    file = directory / "etc" / "collector-token.yaml"
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.write_text(text.replace(CONTAINERS_TOKEN, file_of_token), encoding="utf-8")
    return file


def prometheus(config: Path, directory: Path, targets: Mapping[str, str]) -> Path:
    """Prometheus's configuration for this stack.

    Args:
        config: The directory of the configurations.
        directory: The stack's own directory.
        targets: The address of each server that is scraped, by job.

    Returns:
        The file to start it with; beside it lie its rules, its targets, and whom it alerts.
    """
    files = {
        f"rules/{rules.name}": rules.read_text(encoding="utf-8")
        for rules in (config / "rules").glob("*.yaml")
    }
    files["targets/stack.yaml"] = "".join(
        f'- targets: ["{address}"]\n  labels: {{ job: {job} }}\n'
        for job, address in targets.items()
    )
    if (alertmanager := targets.get("alertmanager")) is not None:
        files["alertmanagers/stack.yaml"] = f'- targets: ["{alertmanager}"]\n'
    files["prometheus.yaml"] = (config / "prometheus.yaml").read_text(encoding="utf-8")
    return _lay(directory / "etc" / "prometheus", files) / "prometheus.yaml"


def provisioning(config: Path, directory: Path, addresses: Mapping[str, str]) -> Path:
    """Grafana's provisioning files with this stack's addresses for those of the containers."""
    source = config / "grafana" / "provisioning"
    files = {}
    for file in source.rglob("*.yaml"):
        text = file.read_text(encoding="utf-8")
        for theirs, ours in addresses.items():
            text = text.replace(theirs, ours)
        files[str(file.relative_to(source))] = text
    return _lay(directory / "etc" / "grafana" / "provisioning", files)


def _lay(home: Path, files: Mapping[str, str]) -> Path:
    """Make a directory hold these files and no others, and touch none that is right already.

    A server may be reading them: Prometheus, for one, forgets for a minute what it scrapes when the
    file goes, be it for a moment.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    wanted = {home / name: text for name, text in files.items()}
    for path in list(home.rglob("*")):
        if path.is_file() and path not in wanted:
            path.unlink()
    for path, text in wanted.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f".{path.name}.part")  # no pattern of theirs matches it
            part.write_text(text, encoding="utf-8")
            part.replace(path)
    return home


def grafana_home(program: Path) -> Path:
    """Where Grafana finds its own files: its archive's directory, or where packages put them."""
    archive = program.resolve().parents[1]
    return archive if (archive / "conf" / "defaults.ini").is_file() else GRAFANA_HOME


def _secret(file: Path, size: int) -> Path:
    if not file.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = file.with_name(f".{file.name}.{os.getpid()}")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as opened:
            # A letter first: the Collector reads the file as YAML, and this must stay text.
            opened.write(f"k{secrets.token_urlsafe(size)}")
        part.replace(file)
    return file
