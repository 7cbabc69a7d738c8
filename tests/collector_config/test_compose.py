"""docker-compose.yml by itself: what it promises of every service."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tests.integration.launch import REPOSITORY

FILE = REPOSITORY / "docker-compose.yml"
COMPOSE: dict[str, Any] = yaml.safe_load(FILE.read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
#: What ends by itself has no health; the Collector's image has nothing that could ask, others do.
WITHOUT_HEALTH = {
    *("init", "password", "alerts-on"),
    *("otel-collector", "otel-agent", "otel-gateway"),
}
ONE_SHOT = {"init", "password", "alerts-on"}

every_service = pytest.mark.parametrize("name", SERVICES)


def test_the_services_have_the_names_that_others_rely_on() -> None:
    """Configurations, dashboards and documentation name them."""
    profiles = {name: ",".join(each.get("profiles", [])) for name, each in SERVICES.items()}

    assert profiles == {
        **dict.fromkeys(["init", "otel-collector", "collector-health"], ""),
        **dict.fromkeys(["jaeger", "prometheus", "loki", "grafana"], ""),
        **dict.fromkeys(["shop-inventory", "shop-storefront", "shop-traffic"], "demo"),
        "password": "tools",
        **dict.fromkeys(["alerts-on", "alertmanager"], "alerts"),
        **dict.fromkeys(["kafka", "otel-agent", "otel-gateway", "scale-health"], "kafka"),
    }


@every_service
def test_a_port_is_published_on_loopback_and_can_be_moved(name: str) -> None:
    """STACK_BIND, 127.0.0.1 unless set, and a variable for the port."""
    for port in SERVICES[name].get("ports", []):
        assert re.fullmatch(
            r"\$\{STACK_BIND:-127\.0\.0\.1\}:\$\{STACK_[A-Z_]+_PORT:-\d+\}:\d+", port
        ), port
    assert SERVICES[name].get("network_mode") in (None, "none")


@every_service
def test_an_image_is_pinned_and_can_be_replaced(name: str) -> None:
    """One variable for each image, a version as its default, and never `latest`."""
    found = re.fullmatch(r"\$\{STACK_[A-Z]+_IMAGE:-(?P<default>[^}]+)\}", SERVICES[name]["image"])

    assert found is not None
    repository, _, tag = found["default"].partition("@")[0].rpartition(":")
    assert repository
    assert tag != "latest"
    assert tag == "local" or re.match(r"v?\d+\.\d+\.\d+$", tag)


@every_service
def test_a_health_check_or_a_reason_for_none(name: str) -> None:
    """Every service that stays has one, and none of them needs a shell."""
    check = SERVICES[name]["healthcheck"]

    if name in WITHOUT_HEALTH:
        assert check == {"disable": True}
        return
    assert check["test"][0] == "CMD"
    assert {"interval", "timeout", "retries", "start_period"} <= set(check)
    assert "start_interval" not in check  # needs Engine 25


@every_service
def test_memory_is_limited_and_go_knows_it(name: str) -> None:
    """A limit for the container, and for Go's collector less than that."""
    service = SERVICES[name]
    limit = _mebibytes(service["mem_limit"])
    assert limit > 0
    told = service.get("environment", {}).get("GOMEMLIMIT")
    assert (told is not None) == (
        name.startswith("otel-") or name in ("jaeger", "prometheus", "loki", "alertmanager")
    )
    if told is not None:
        assert 0.7 * limit <= _mebibytes(told.replace("MiB", "m")) < limit


@every_service
def test_a_container_has_no_more_rights_than_it_needs(name: str) -> None:
    """No capability, no new privileges, no writable root, no root user."""
    service = SERVICES[name]

    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    if name == "init":
        assert service["cap_add"] == ["CHOWN", "DAC_OVERRIDE", "FOWNER"]
        assert service["network_mode"] == "none"
    else:
        assert "cap_add" not in service
        assert not service["user"].startswith(("0", "root"))
    assert service["read_only"] is (name != "kafka")
    assert not [each for each in service.get("volumes", []) if "docker.sock" in each]


@every_service
def test_what_is_mounted_from_the_host_is_read_only_and_there(name: str) -> None:
    """Docker would make an empty directory of a file that is missing."""
    for volume in SERVICES[name].get("volumes", []):
        source, _, options = (
            volume.split(":", 2) if volume.count(":") == 2 else (*volume.split(":"), "")
        )
        if source.startswith("."):
            assert options == "ro,z"
            assert (REPOSITORY / source).exists(), source
        else:
            assert source in COMPOSE["volumes"]


@every_service
def test_a_service_waits_for_the_volumes_and_comes_back(name: str) -> None:
    """Init first, and whatever ends is started again, except for what is meant to end."""
    service = SERVICES[name]
    waits = {each: why["condition"] for each, why in service.get("depends_on", {}).items()}

    assert service["restart"] == ("no" if name in ONE_SHOT else "unless-stopped")
    if name == "alertmanager":
        assert waits == {"alerts-on": "service_completed_successfully"}
    elif name == "shop-traffic":
        assert waits == {"shop-storefront": "service_healthy"}
    elif name != "init":
        assert waits["init"] == "service_completed_successfully"
    if name.startswith("shop-") and name != "shop-traffic":
        assert waits["collector-health"] == "service_healthy"
    if name == "otel-collector":
        backends = {each for each, why in waits.items() if why == "service_healthy"}
        assert backends == {"jaeger", "prometheus", "loki"}


def test_no_password_stands_in_the_file_and_nobody_gets_in_without() -> None:
    """Secrets are files that init makes; Grafana knows no anonymous visitor and no sign-up."""
    for name, service in SERVICES.items():
        for key, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|TOKEN", key):
                assert value.startswith("/run/stack/secrets/"), f"{name}: {key}"
    grafana = SERVICES["grafana"]["environment"]
    assert "GF_SECURITY_ADMIN_PASSWORD" not in grafana
    off = {key for key, value in grafana.items() if value == "false"}
    assert {
        "GF_AUTH_ANONYMOUS_ENABLED",
        "GF_USERS_ALLOW_SIGN_UP",
        "GF_ANALYTICS_REPORTING_ENABLED",
        "GF_ANALYTICS_CHECK_FOR_UPDATES",
        "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES",
        "GF_SNAPSHOTS_EXTERNAL_ENABLED",
    } <= off


def test_every_variable_is_named_at_the_head_and_has_a_default() -> None:
    """Nothing has to be prepared."""
    text = FILE.read_text()
    head = text.partition("name: pepperpy-otel")[0]
    used = set(re.findall(r"\$\{(STACK_[A-Z_]+)", text))

    assert not re.findall(r"\$\{STACK_[A-Z_]+\}", text)
    for name in used:
        shown = re.sub(r"STACK_[A-Z]+_IMAGE", "STACK_<SERVICE>_IMAGE", name)
        assert shown in head, name


def test_every_volume_has_an_owner() -> None:
    """What init does not chown is root's, and its server could not write."""
    script = (REPOSITORY / "collector-config" / "init.sh").read_text()
    mounted = {each.split(":")[0]: each.split(":")[1] for each in SERVICES["init"]["volumes"]}

    assert set(mounted) - {"./collector-config/init.sh"} == set(COMPOSE["volumes"])
    for volume in set(COMPOSE["volumes"]) - {"secrets"}:
        owner = re.search(rf"^own (\d+:\d+) {mounted[volume]}$", script, re.MULTILINE)
        assert owner is not None, volume
        writers = {
            service["user"]
            for service in SERVICES.values()
            if f"{volume}:" in str(service.get("volumes")) and "user" in service
        }
        assert writers <= {owner[1]}, volume


def _mebibytes(text: str) -> float:
    return float(text[:-1]) * {"m": 1, "g": 1024}[text[-1]]
