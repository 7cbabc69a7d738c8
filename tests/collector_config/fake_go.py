"""A Go command that only pretends: fast, without network, failing or hanging on demand."""

import os
import subprocess
import sys
from pathlib import Path

from tests.integration.locate import CONFIG

SCRIPT = CONFIG / "build_servers.py"

# Notes how it was called, then makes what the real one would make, or fails, or hangs.
FAKE_GO = """#!/bin/sh
if [ "$1 $2" = "env GOVERSION" ]; then echo "${FAKE_GO_VERSION-go1.99.0}"; exit 0; fi
echo "$*" >> "$FAKE_GO_DIR/calls"
env | grep -E '^(GO|CGO)' > "$FAKE_GO_DIR/env"
if [ -n "$FAKE_GO_BLOCKS" ]; then
    echo $$ > "$FAKE_GO_DIR/pid"
    while [ ! -e "$FAKE_GO_DIR/go-on" ]; do sleep 0.05; done
fi
if [ -n "$FAKE_GO_FAILS" ]; then
    echo "go: downloading everything" >&2
    echo "go: $FAKE_GO_FAILS" >&2
    exit 3
fi
[ -n "$FAKE_GO_MAKES_NOTHING" ] && exit 0
case "$*" in
    run*) mkdir build; echo collector > build/otelcol-pepperpy ;;
    "mod download"*) printf '{"Dir": "%s"}' "$FAKE_GO_DIR/module" ;;
    *cmd/jaeger*) cp main.go "$6/jaeger" ;;
    *cmd/promtool) cat go.sum > "$6" ;;
    *) cat go.mod > "$6" ;;
esac
"""


class FakeGo:
    """The fake Go command and the cache that it builds into."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.cache = directory / "cache"
        module = directory / "module"
        module.mkdir()
        (module / "main.go").write_text("package main\n")
        (module / "main.go").chmod(0o444)
        program = directory / "bin" / "go"
        program.parent.mkdir()
        program.write_text(FAKE_GO)
        program.chmod(0o755)

    @property
    def calls(self) -> list[str]:
        """What it was asked to do, its version left out."""
        path = self.directory / "calls"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def env(self) -> dict[str, str]:
        """The GO variables of its last call."""
        lines = (self.directory / "env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def left_over(self) -> list[str]:
        """What there is in the cache but for finished servers and locks."""
        names = (path.name for path in self.cache.iterdir())
        return sorted(n for n in names if not n.endswith(".lock") and "go1.99.0" not in n)

    def spawn(self, name: str, **env: str) -> "subprocess.Popen[str]":
        """Run the script as a process of its own."""
        return subprocess.Popen(
            [sys.executable, str(SCRIPT), name],
            env={**os.environ, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
