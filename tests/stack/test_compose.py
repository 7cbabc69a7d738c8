"""What compose and podman-compose say about containers, made one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pepperpy_otel.stack.compose import Compose
from pepperpy_otel.stack.engine import ENGINES
from pepperpy_otel.stack.errors import StackError
from pepperpy_otel.stack.rows import Row


@pytest.fixture
def rows(engines):
    """The rows that come of what ``ps`` says."""
    engines.install("docker")

    def read(text):
        engines.answer("ps", (0, text, ""))
        return Compose(ENGINES[0], Path("docker-compose.yml"), {}).rows()

    return read


ITEM = {"Service": "loki", "State": "running", "Health": "healthy", "Image": "grafana/loki:3.7.8"}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(ITEM),
        json.dumps([ITEM]),
        json.dumps([ITEM, "noise"]),
        json.dumps(ITEM) + "\n",
    ],
)
def test_an_object_a_line_or_an_array(rows, text):
    """Compose has changed its form (2.21); both are read."""
    assert rows(text) == [Row("loki", "healthy", "3.7.8")]


def test_services_come_sorted(rows):
    """Whatever the order in which they were started."""
    text = "\n".join(json.dumps(ITEM | {"Service": name}) for name in ("loki", "grafana"))

    assert [row.service for row in rows(text)] == ["grafana", "loki"]


@pytest.mark.parametrize(
    ("item", "state"),
    [
        ({"State": "running", "Health": ""}, "running"),
        ({"State": "running", "Health": "unhealthy"}, "unhealthy"),
        ({"State": "running", "Health": "starting"}, "starting"),
        ({"State": "Running", "Status": "Up 2 minutes (healthy)"}, "healthy"),
        ({"State": "running", "Status": "Up 2 minutes (unhealthy)"}, "unhealthy"),
        ({"State": "running", "Status": "Up 2 seconds (health: starting)"}, "starting"),
        ({"State": "running", "Status": "Up 2 seconds (starting)"}, "starting"),
        ({"State": "running", "Health": None, "Status": None}, "running"),
        ({"State": "exited", "ExitCode": 0}, "done"),
        ({"State": "exited", "ExitCode": 137}, "exited 137"),
        ({"State": "exited"}, "exited ?"),
        ({"State": "restarting"}, "restarting"),
        ({}, "absent"),
    ],
)
def test_the_state(rows, item, state):
    """The health of what runs, how it ended of what has ended."""
    (row,) = rows(json.dumps({"Service": "jaeger"} | item))

    assert row == Row("jaeger", state)


@pytest.mark.parametrize(
    ("item", "name"),
    [
        ({"Labels": {"com.docker.compose.service": "loki"}, "Name": "x"}, "loki"),
        ({"Labels": "com.docker.compose.service=loki", "Name": "pepperpy-otel-loki-1"}, None),
        ({}, "?"),
    ],
)
def test_the_service(rows, item, name):
    """Podman keeps the service's name among the labels; without one, the container's has to do."""
    (row,) = rows(json.dumps({"State": "running"} | item))

    assert row.service == (name or item["Name"])


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("grafana/loki:3.7.8", "3.7.8"),
        ("grafana/loki:3.7.8@sha256:11", "3.7.8"),
        ("localhost:5000/grafana/loki", ""),
        ("busybox", ""),
    ],
)
def test_the_version_is_the_images_tag(rows, image, version):
    """Not its digest, nor the port of the registry."""
    (row,) = rows(json.dumps(ITEM | {"Image": image}))

    assert row.version == version


def test_what_is_no_json(rows):
    """That is a finding with the text, and no traceback."""
    with pytest.raises(StackError, match="compose ps said what is no JSON: 'loki  running'"):
        rows("loki  running")


def test_podman_compose_knows_no_all(engines):
    """It shows all in any case: it is asked again, without."""
    engines.install("podman")
    engines.answer("ps", (2, "", "error: unrecognized arguments: --all"), (0, json.dumps(ITEM), ""))

    assert Compose(ENGINES[2], Path("x"), {}).rows() == [Row("loki", "healthy", "3.7.8")]

    first, second = engines.calls("ps")
    assert [*first[:2], first[-3:]] == ["podman", "compose", ["--all", "--format", "json"]]
    assert second[-3:] == ["ps", "--format", "json"]
