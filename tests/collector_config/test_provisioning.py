"""What Grafana is given at its start: files of the documented form, without secrets."""

from __future__ import annotations

import re
from typing import Any

import jsonschema
import pytest

from tests.collector_config.grafana import DASHBOARDS, GRAFANA, provisioned, texts
from tests.integration.locate import CONFIG

TEXT = {"type": "string", "minLength": 1}
BOOLEAN = {"type": "boolean"}
NUMBER = {"type": "integer", "minimum": 1}
#: https://grafana.com/docs/grafana/latest/administration/provisioning/#data-sources
DATASOURCES: dict[str, Any] = {
    "type": "object",
    "required": ["apiVersion", "datasources"],
    "additionalProperties": False,
    "properties": {
        "apiVersion": {"const": 1},
        "prune": BOOLEAN,
        "deleteDatasources": {"type": "array"},
        "datasources": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "type", "access", "uid", "url", "editable"],
                "additionalProperties": False,
                "properties": {
                    **dict.fromkeys(("name", "type", "uid", "url"), TEXT),
                    "access": {"const": "proxy"},
                    "orgId": NUMBER,
                    "isDefault": BOOLEAN,
                    "editable": {"const": False},
                    "version": NUMBER,
                    "jsonData": {"type": "object"},
                },
            },
        },
    },
}
#: https://grafana.com/docs/grafana/latest/administration/provisioning/#dashboards
PROVIDERS: dict[str, Any] = {
    "type": "object",
    "required": ["apiVersion", "providers"],
    "additionalProperties": False,
    "properties": {
        "apiVersion": {"const": 1},
        "providers": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["name", "type", "options"],
                "additionalProperties": False,
                "properties": {
                    **dict.fromkeys(("name", "folder", "folderUid"), TEXT),
                    "orgId": NUMBER,
                    "type": {"const": "file"},
                    **dict.fromkeys(("disableDeletion", "allowUiUpdates"), BOOLEAN),
                    "updateIntervalSeconds": {"type": "integer", "minimum": 11},
                    "options": {
                        "type": "object",
                        "required": ["path"],
                        "additionalProperties": False,
                        "properties": {"path": TEXT, "foldersFromFilesStructure": BOOLEAN},
                    },
                },
            },
        },
    },
}
FORMS = {
    "datasources/datasources.yaml": DATASOURCES,
    "dashboards/dashboards.yaml": PROVIDERS,
}


@pytest.mark.parametrize("path", FORMS)
def test_it_has_the_documented_form(path: str) -> None:
    """No field that Grafana would not know, none that it needs is missing."""
    jsonschema.Draft202012Validator(FORMS[path]).validate(provisioned(path))


def test_every_file_is_checked() -> None:
    """A file beside these would be read by Grafana, and by no test."""
    found = {
        path.relative_to(GRAFANA / "provisioning").as_posix()
        for path in (GRAFANA / "provisioning").rglob("*")
        if path.is_file()
    }
    assert found == set(FORMS)


@pytest.mark.parametrize("path", FORMS)
def test_there_are_no_secrets(path: str) -> None:
    """No password, token or user, and nothing that is taken from the environment."""
    text = (GRAFANA / "provisioning" / path).read_text(encoding="utf-8")
    assert not re.search(r"secure|password|token|basicAuth|user:", text, re.IGNORECASE)


@pytest.mark.parametrize("path", FORMS)
def test_dollars_are_escaped(path: str) -> None:
    """Grafana puts environment variables in place of ``$NAME``: its own variables need ``$$``."""
    for text in texts(provisioned(path)):
        assert "$" not in text.replace("$$", ""), text


def test_dashboards_are_where_compose_puts_them() -> None:
    """The provider reads the directory that docker-compose.yml mounts, and Home is in it."""
    (provider,) = provisioned("dashboards/dashboards.yaml")["providers"]
    path = provider["options"]["path"]
    compose = (CONFIG.parent / "docker-compose.yml").read_text(encoding="utf-8")
    assert f"./collector-config/grafana/dashboards:{path}:ro" in compose
    for kind in ("datasources", "dashboards"):
        mounted = f"grafana/provisioning/{kind}:/etc/grafana/provisioning/{kind}:ro"
        assert f"./collector-config/{mounted}" in compose
    assert f"DEFAULT_HOME_DASHBOARD_PATH: {path}/pepperpy-home.json" in compose
    assert "pepperpy-home" in DASHBOARDS
