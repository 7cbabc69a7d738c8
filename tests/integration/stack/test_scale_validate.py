"""The real Collector accepts every file of collector-config/scale, as it is and as it is meant."""

from pathlib import Path

import pytest

from tests.integration.servers import run_tool
from tests.integration.stack.scale import SCALE

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("servers")]

TOGETHER = (
    ("agent.yaml",),
    ("agent.yaml", "agent-kafka.yaml"),
    ("agent.yaml", "agent-tls.yaml"),
    ("gateway.yaml",),
    ("gateway.yaml", "gateway-kafka.yaml"),
    ("gateway.yaml", "gateway-tls.yaml"),
)


@pytest.mark.parametrize("files", TOGETHER, ids=" ".join)
@pytest.mark.parametrize(
    "env",
    [
        {},
        {
            "SAMPLING": "[]",
            "SAMPLING_PERCENTAGE": "2.5",
            "KAFKA_BROKERS": "one:9092,two:9092",
            "GATEWAY_PORT": "4317",
        },
    ],
    ids=["defaults", "variables"],
)
def test_validate(files: tuple[str, ...], env: dict[str, str], tmp_path: Path) -> None:
    """It validates with its defaults and with other values in its variables."""
    arguments = [part for file in files for part in ("--config", str(SCALE / file))]
    done = run_tool("collector", "validate", *arguments, directory=tmp_path, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
