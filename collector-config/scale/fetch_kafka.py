"""Fetch the jars of a Kafka broker from Maven Central, for the tests.

    python collector-config/scale/fetch_kafka.py

Kafka's own jars are on Maven Central and start as a broker and controller in one process (KRaft):
no download of an archive, no ZooKeeper. Maven copies what ``kafka/pom.xml`` names, checked against
the repository's checksums, into the same cache as ``build_servers.py``, in a directory named after
the version and a hash of the pom: a second run only looks. The directory is printed on stdout,
progress on stderr. Exit status: 0 fetched or found, 1 not to be had. A broker needs Java 17.
"""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

if sys.platform != "win32":
    import fcntl

POM = Path(__file__).resolve().parent / "kafka" / "pom.xml"
VERSION = "4.3.1"
BROKER_JAR = f"kafka_2.13-{VERSION}.jar"
FETCH_SECONDS = 540.0


class FetchError(Exception):
    """The jars cannot be had; the message is one line, made for the user."""


def cache_root(environ: Mapping[str, str] = os.environ) -> Path:
    """The directory under which servers are kept: the same as build_servers.py's."""
    if chosen := environ.get("PEPPERPY_OTEL_SERVER_CACHE"):
        return Path(chosen).expanduser().resolve()
    base = environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser().resolve() / "pepperpy-otel" / "servers"


def directory() -> Path:
    """Where the jars of this version are, or will be."""
    digest = hashlib.sha256(POM.read_bytes()).hexdigest()[:12]
    return cache_root() / f"kafka-{VERSION}-{digest}"


def cached() -> Path | None:
    """The directory of the jars when they were fetched before, or None."""
    found = directory()
    return found if (found / BROKER_JAR).is_file() else None


def ensure() -> Path:
    """Fetch the jars unless they are there; their directory.

    Raises:
        FetchError: Maven is missing or could not fetch them.
    """
    if (found := cached()) is not None:
        return found
    maven = shutil.which("mvn")
    if maven is None:
        raise FetchError("mvn is not on PATH; install Maven (https://maven.apache.org)")
    root = cache_root()
    root.mkdir(parents=True, exist_ok=True)
    with _locked(root / "kafka.lock"):
        if (found := cached()) is not None:
            return found
        _say(f"kafka {VERSION}: fetching its jars …")
        with tempfile.TemporaryDirectory(prefix=".fetching-kafka-", dir=root) as work:
            jars = Path(work) / "jars"
            _copy_dependencies(maven, Path(work), jars)
            shutil.rmtree(directory(), ignore_errors=True)
            jars.rename(directory())
    return directory()


def _copy_dependencies(maven: str, work: Path, jars: Path) -> None:
    shutil.copy(POM, work)  # Maven writes a target directory beside the pom
    command = [maven, "--batch-mode", "--quiet", "--strict-checksums", "--file", "pom.xml"]
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={jars}"]
    try:
        done = subprocess.run(
            [*command, *goal],
            cwd=work,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=FETCH_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise FetchError(f"kafka {VERSION}: mvn took longer than {FETCH_SECONDS:g} s") from None
    if done.returncode != 0 or not (jars / BROKER_JAR).is_file():
        lines = (done.stdout + done.stderr).splitlines()
        reason = next((line for line in lines if "[ERROR]" in line), "it gave no reason")
        raise FetchError(f"kafka {VERSION}: mvn failed: {reason[:300]}")


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        if sys.platform != "win32":
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    """Command line; returns the exit status."""
    try:
        print(ensure())
    except FetchError as error:
        _say(f"error: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
