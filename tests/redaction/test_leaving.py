"""None of two hundred secrets, put wherever text can be, is in the bytes that leave."""

from __future__ import annotations

import contextlib
import math
import socket
import urllib.request
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.metrics.view import View

import pepperpy_otel
from pepperpy_otel.logging import LogAggregator
from tests.delivery.grpc_sink import GrpcSink
from tests.redaction.corpus import everything
from tests.redaction.telling import FILTERED, tell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pepperpy_otel.telemetry import Telemetry
    from tests.delivery.sinks import HttpSink

CORPUS = everything()
TEXTS = [secret.text for secret in CORPUS]
SECRETS = sorted({secret.secret for secret in CORPUS})
#: Trace state takes no spaces nor equals signs.
STATES = [s.secret for s in CORPUS if s.kind in ("github", "stripe", "aws") and s.text == s.secret]


def found_in(content: bytes) -> list[str]:
    """The secrets that are in it."""
    return [secret for secret in SECRETS if secret.encode() in content]


@contextlib.contextmanager
def configured(**arguments: Any) -> Iterator[Telemetry]:
    """Telemetry with every secret in its resource too; rolled back."""
    attributes = {f"note.{number}": text for number, text in enumerate(TEXTS)}
    given: dict[str, Any] = {
        "resource_attributes": attributes,
        "instrument": False,
        "redact": True,
        "health": False,
        "views": [View(instrument_name=FILTERED, attribute_keys=set())],
        **arguments,
    }
    try:
        yield pepperpy_otel.configure("told", **given)
    finally:
        pepperpy_otel.rollback()


def _inflated(content: bytes) -> bytes:
    """Whatever in it is compressed, in the clear."""
    found = b""
    start = content.find(b"x\x01")
    while start >= 0:
        with contextlib.suppress(zlib.error):
            found += zlib.decompressobj().decompress(content[start:])
        start = content.find(b"x\x01", start + 1)
    return found


def _bodies(sink: HttpSink) -> bytes:
    return b"\n".join(request.body for request in sink.requests)


@pytest.fixture(autouse=True)
def large_queues(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is dropped because there is much."""
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "10000")
    monkeypatch.setenv("OTEL_BLRP_MAX_QUEUE_SIZE", "10000")


def test_without_redaction_they_are_there(sink: HttpSink) -> None:
    """The search finds what is there: with redaction off, all of them leave."""
    with configured(endpoint=sink.url, redact=False) as telemetry:
        tell(telemetry, TEXTS)
        assert telemetry.force_flush(30_000)
        assert telemetry.stats().redacted == {}
    assert found_in(_bodies(sink)) == SECRETS


def test_none_leaves_by_http(sink: HttpSink) -> None:
    """Nor is any of them in the protobuf that is sent by HTTP."""
    with configured(endpoint=sink.url) as telemetry:
        tell(telemetry, TEXTS, states=STATES)
        assert telemetry.force_flush(30_000)
        redacted = telemetry.stats().redacted
    bodies = _bodies(sink)
    assert found_in(bodies) == []
    assert bodies.count(b"[redacted:") > 1000
    assert set(redacted) >= {"assignment", "authorization", "card", "jwt", "private-key", "token"}


def test_none_leaves_by_grpc() -> None:
    """Nor by gRPC."""
    sink = GrpcSink()
    try:
        with configured(endpoint=f"http://{sink.address}", protocol="grpc") as telemetry:
            tell(telemetry, TEXTS, states=STATES)
            assert telemetry.force_flush(30_000)
        bodies = b"\n".join(call.body for call in sink.calls)
    finally:
        sink.close()
    assert found_in(bodies) == []
    assert b"[redacted:" in bodies


def test_none_leaves_through_the_exporters_of_others(sink: HttpSink) -> None:
    """The stock exporters are handed what was looked through."""
    with configured(endpoint=sink.url, exporter="stock") as telemetry:
        tell(telemetry, TEXTS[::5])
        telemetry.force_flush(30_000)
    assert found_in(_bodies(sink)) == []
    assert b"[redacted:" in _bodies(sink)


def test_none_is_printed_by_the_console_exporter(capfd: pytest.CaptureFixture[str]) -> None:
    """What the console exporters print is what would have left."""
    with configured(traces="console", metrics="console", logs="console") as telemetry:
        tell(telemetry, TEXTS[::5], binary=False)  # which the SDK's exporter cannot print
        assert telemetry.force_flush(30_000)
    printed = capfd.readouterr().out.encode()
    assert found_in(printed) == []
    assert b"[redacted:" in printed


@pytest.mark.parametrize("kind", ["json", "text"])
def test_none_is_in_the_lines_on_stderr(kind: Any, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither JSON lines nor lines of text show them."""
    with configured(traces=False, metrics=False, logs=False, console_logs=kind) as telemetry:
        tell(telemetry, TEXTS)
    printed = "".join(
        line for line in capfd.readouterr().err.splitlines(True) if "told" in line
    ).encode()
    assert found_in(printed) == []
    assert b"[redacted:" in printed


def test_none_is_on_the_prometheus_page(sink: HttpSink) -> None:
    """Neither labels, nor exemplars, nor help texts show them; the page stays whole."""
    with configured(endpoint=sink.url, prometheus_port=0) as telemetry:
        tell(telemetry, TEXTS)
        assert telemetry.prometheus_address is not None
        host, port = telemetry.prometheus_address
        request = urllib.request.Request(
            f"http://{host}:{port}/metrics", headers={"Accept": "application/openmetrics-text"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            page = answer.read()
        telemetry.force_flush(30_000)
    assert found_in(page) == []
    assert b"[redacted:" in page
    counted = [line for line in page.splitlines() if line.startswith(b"told_count_total{")]
    assert sum(float(line.split(b"} ")[1].split()[0]) for line in counted) == len(TEXTS)
    assert len({line.split(b"} ")[0] for line in counted}) == len(counted)


def test_none_is_in_the_spool(tmp_path: Path) -> None:
    """What waits on disk for a destination that is away has been looked through."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with configured(endpoint=endpoint, spool_directory=tmp_path) as telemetry:
            tell(telemetry, TEXTS)
            telemetry.force_flush(30_000)
            content = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    content += _inflated(content)
    assert b"told.latency" in content
    assert found_in(content) == []
    assert b"[redacted:" in content


def test_none_is_in_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of OTLP JSON hold none."""
    monkeypatch.setenv("PEPPERPY_OTEL_FILE_DIRECTORY", str(tmp_path))
    with configured(traces="otlp-file", metrics="otlp-file", logs="otlp-file") as telemetry:
        tell(telemetry, TEXTS)
        assert telemetry.force_flush(30_000)
    content = b"".join(p.read_bytes() for p in tmp_path.rglob("*.jsonl"))
    assert found_in(content) == []
    assert b"[redacted:" in content


def test_none_is_kept_by_the_aggregator(sink: HttpSink) -> None:
    """What the aggregator counts and keeps in memory has been looked through."""
    aggregator = LogAggregator()
    with configured(endpoint=sink.url) as telemetry:
        tell(telemetry, TEXTS)
        for text in TEXTS:
            aggregator.error(f"told {text}", note=text)
        kept = repr((aggregator.aggregate(math.inf), aggregator.kept())).encode()
    assert found_in(kept) == []
    assert b"[redacted:" in kept


def test_none_is_in_what_health_shows(sink: HttpSink) -> None:
    """Reasons, data and tracebacks of health checks show none."""
    secrets = [text for text in TEXTS if "\n" not in text]

    def check() -> None:
        raise RuntimeError(" | ".join(secrets))

    with configured(endpoint=sink.url, health=True) as telemetry:
        telemetry.health.register("told", check)
        telemetry.health.run(timeout=30)
        shown = repr(telemetry.health.get_details("told")).encode()
        assert telemetry.force_flush(30_000)
        telemetry.health.unregister("told")
    assert found_in(shown) == []
    assert found_in(_bodies(sink)) == []
