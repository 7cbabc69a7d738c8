"""Between agents and gateways: who shows no certificate is not listened to."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.integration.process import free_ports
from tests.integration.servers import eventually
from tests.integration.sink import Sink
from tests.integration.stack.scale import Agent, Gateway
from tests.integration.stack.scale_data import Traces, complete, logs, send

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("servers")]

REFUSED = "failed to connect"


def certificates(directory: Path) -> dict[str, dict[str, str]]:
    """An authority with a certificate for each tier, as the variables that name the files."""
    openssl = shutil.which("openssl")
    assert openssl is not None, "this test needs the openssl command"

    def run(*arguments: str) -> None:
        subprocess.run([openssl, *arguments], cwd=directory, check=True, capture_output=True)

    new = ("req", "-newkey", "rsa:2048", "-nodes")
    run(
        *new, "-x509", "-days", "2", "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.crt"
    )
    found = {}
    for tier in ("otel-agent", "otel-gateway"):
        (directory / "names").write_text(f"subjectAltName=DNS:{tier}", encoding="utf-8")
        run(*new, "-subj", f"/CN={tier}", "-keyout", f"{tier}.key", "-out", "request")
        signed = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2")
        run("x509", "-req", "-in", "request", *signed, "-extfile", "names", "-out", f"{tier}.crt")
        found[tier] = {
            "TLS_CA": str(directory / "ca.crt"),
            "TLS_CERT": str(directory / f"{tier}.crt"),
            "TLS_KEY": str(directory / f"{tier}.key"),
        }
    return found


def test_certificates(servers: None, tmp_path: Path) -> None:
    """With certificates everything arrives; an agent without one keeps what it has."""
    files = certificates(tmp_path)
    (port,) = free_ports(1)
    with Sink() as sink:
        gateway = Gateway(
            tmp_path,
            "g1",
            address="127.0.0.1",
            port=port,
            sink=sink,
            overlays=["gateway-tls.yaml"],
            env={"SAMPLING": "[]", **files["otel-gateway"]},
        )
        own = {"COLLECTOR_METRICS_URL": gateway.metrics_url}
        plain = Agent(tmp_path / "plain", gateway_port=port, env=own)
        agent = Agent(
            tmp_path / "agent",
            gateway_port=port,
            overlays=["agent-tls.yaml"],
            env={**own, **files["otel-agent"]},
        )
        kept, traces = Traces(5), Traces(5)
        with gateway.process, plain.process, agent.process:
            send(plain.otlp_http, *kept.requests())
            eventually(lambda: REFUSED in plain.process.log())
            send(agent.otlp_http, *traces.requests(), logs(["record"]))
            eventually(lambda: complete({"g1": sink}) >= set(traces.ids))
            eventually(lambda: list(sink.items("logs")))
            assert agent.process.warnings() == []
        assert not complete({"g1": sink}) & set(kept.ids)
