"""The stack's configuration files by themselves: what they promise, and that they agree."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from pepperpy_otel._settings_table import TABLE
from tests.integration.locate import CONFIG

COLLECTORS = ("collector.yaml", "collector-local.yaml")
#: Old names, which the Collector takes as aliases with a warning at every start.
ALIASES = {
    *("otlp/exporter", "otlphttp", "spanmetrics", "servicegraph", "resourcedetection"),
    *("deltatocumulative", "loadbalancing", "memorylimiter", "batch", "logging"),
}


def load(name: str) -> Any:
    return yaml.safe_load((CONFIG / name).read_text())


def simplified(name: str) -> Any:
    """A Collector's configuration without what differs between a container and a process."""
    config = load(name)
    config["processors"]["memory_limiter"] = {}
    config["processors"]["redaction"]["hmac_key"] = ""
    text = yaml.safe_dump(config)
    for here, there in (
        (r"\$\{env:COLLECTOR_OTLP_GRPC:-127.0.0.1:(4317)\}|0.0.0.0:4317", ":4317"),
        (r"\$\{env:COLLECTOR_OTLP_HTTP:-127.0.0.1:(4318)\}|0.0.0.0:4318", ":4318"),
        (r"\$\{env:COLLECTOR_HEALTH:-127.0.0.1:13133\}|0.0.0.0:13133", ":13133"),
        (r"\$\{env:COLLECTOR_QUEUE_DIRECTORY:-[^}]*\}|/var/lib/otelcol/queue", "queue"),
        (r"\$\{env:JAEGER_OTLP_GRPC:-127.0.0.1:14317\}|jaeger:4317", "jaeger"),
        (r"\$\{env:PROMETHEUS_URL:-http://127.0.0.1:9090\}|http://prometheus:9090", "prometheus"),
        (r"\$\{env:LOKI_URL:-http://127.0.0.1:3100\}|http://loki:3100", "loki"),
    ):
        text = re.sub(here, there, text)
    return yaml.safe_load(text)


def test_the_process_s_collector_is_the_container_s() -> None:
    """Pipelines, processors, queues and connectors are the same in both files."""
    assert simplified("collector-local.yaml") == simplified("collector.yaml")


@pytest.mark.parametrize("name", COLLECTORS)
def test_every_pipeline_is_limited_first_and_never_batches_before_the_queue(name: str) -> None:
    """A batch processor would say 200 for what has no place in the queue yet."""
    for pipeline in load(name)["service"]["pipelines"].values():
        assert pipeline["processors"][0] == "memory_limiter"
        assert "batch" not in pipeline["processors"]


@pytest.mark.parametrize("name", COLLECTORS)
def test_every_exporter_keeps_on_disk_what_it_has_not_sent_and_never_gives_up(name: str) -> None:
    """The queue's size is the only bound; the extension that stores it is switched on."""
    config = load(name)

    assert "file_storage/queue" in config["service"]["extensions"]
    for exporter in config["exporters"].values():
        queue = exporter["sending_queue"]
        assert queue["storage"] == "file_storage/queue"
        assert queue["queue_size"] >= 500_000
        assert "block_on_overflow" not in queue
        assert exporter["retry_on_failure"]["max_elapsed_time"] == "0s"


@pytest.mark.parametrize("name", COLLECTORS)
def test_metrics_reach_prometheus_cumulative_only(name: str) -> None:
    """What can be a delta passes delta_to_cumulative; the connectors' own are cumulative."""
    pipelines = load(name)["service"]["pipelines"]

    for key, pipeline in pipelines.items():
        if "otlp_http/prometheus" not in pipeline["exporters"]:
            continue
        deltas = {"otlp", "count"} & set(pipeline["receivers"])
        assert not deltas or pipeline["processors"][-1] == "delta_to_cumulative", key
    assert load(name)["connectors"]["span_metrics"].get("aggregation_temporality") is None


@pytest.mark.parametrize("name", COLLECTORS)
def test_secrets_are_redacted_in_all_that_applications_send(name: str) -> None:
    """Every pipeline behind the receiver redacts, before a connector sees the data."""
    config = load(name)

    for pipeline in config["service"]["pipelines"].values():
        if "otlp" in pipeline["receivers"]:
            assert "redaction" in pipeline["processors"]
    assert config["processors"]["redaction"]["hmac_key"].startswith("${file:")
    assert config["processors"]["redaction"]["hash_function"] == "hmac-sha256"


@pytest.mark.parametrize("name", [*COLLECTORS, "collector-token.yaml"])
def test_no_component_goes_by_an_old_name(name: str) -> None:
    """Aliases warn at start and go away one day."""
    config = load(name)
    kinds = ("receivers", "processors", "exporters", "connectors", "extensions")
    names = {key.partition("/")[0] for kind in kinds for key in config.get(kind, {})}

    assert not names & ALIASES
    assert "otlp" not in {key.partition("/")[0] for key in config.get("exporters", {})}


def test_the_token_s_file_keeps_the_other_extensions() -> None:
    """A list in a second file replaces the first one's."""
    before = load("collector.yaml")["service"]["extensions"]

    assert load("collector-token.yaml")["service"]["extensions"] == [*before, "bearertokenauth"]
    protocols = load("collector-token.yaml")["receivers"]["otlp"]["protocols"]
    assert set(protocols) == set(load("collector.yaml")["receivers"]["otlp"]["protocols"])


@pytest.mark.parametrize(
    ("key", "secret"),
    [
        ("password", True),
        ("db.password", True),
        ("user_passwd", True),
        ("api_key", True),
        ("x-api-key", True),
        ("client_secret", True),
        ("auth.token", True),
        ("access_token", True),
        ("Authorization", True),
        ("http.request.header.authorization", True),
        ("http.response.header.set-cookie", True),
        ("session.id", True),
        ("gen_ai.usage.input_tokens", False),
        ("tokenizer", False),
        ("http.route", False),
        ("enduser.id", False),
        ("secretary", False),
        ("db.query.text", False),
        ("passenger.count", False),
        ("correlation.id", False),
        ("service.instance.id", False),
    ],
)
def test_which_keys_are_secrets(key: str, secret: bool) -> None:
    """Names of secrets are, whatever is before them; words that merely begin like one are not."""
    patterns = load("collector.yaml")["processors"]["redaction"]["blocked_key_patterns"]

    assert any(re.search(pattern, key) for pattern in patterns) == secret


@pytest.mark.parametrize(
    ("value", "secret"),
    [
        ("Bearer abcdefgh12345678", True),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2ln", True),
        ("AKIAIOSFODNN7EXAMPLE", True),
        ("ghp_" + "a" * 36, True),
        ("sk-proj-" + "a1" * 12, True),
        ("postgresql://shop:hunter2@db/orders", True),
        ("4111 1111 1111 1111", True),
        ("5500-0000-0000-0004", True),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE", True),
        ("1700000000000000000", False),  # nanoseconds
        ("0af7651916cd43dd8448eb211c80319c", False),
        ("http://shop:8000/orders", False),
        ("mailto://someone@example.org", False),
        ("4711", False),
        ("basic income", False),
        ("2026-11-22 22:00:00", False),
    ],
)
def test_which_values_are_secrets(value: str, secret: bool) -> None:
    """Tokens, passwords in URLs, keys and card numbers; ids, times and addresses are not."""
    patterns = load("collector.yaml")["processors"]["redaction"]["blocked_values"]

    assert any(re.search(pattern, value) for pattern in patterns) == secret


def test_jaeger_asks_for_the_metrics_as_span_metrics_names_them() -> None:
    """The Monitor tab stays empty when unit or names differ."""
    connector = load("collector.yaml")["connectors"]["span_metrics"]
    backend = load("jaeger.yaml")["extensions"]["jaeger_storage"]["metric_backends"]
    asked = backend["span_metrics"]["prometheus"]

    assert asked["latency_unit"] == connector["histogram"]["unit"] == "s"
    assert "namespace" not in connector
    assert "metric_namespace" not in asked
    assert (asked["normalize_calls"], asked["normalize_duration"]) == (True, True)


def test_prometheus_takes_what_the_spool_kept_back() -> None:
    """Its window is longer than an application's spool keeps data; Loki's is, too."""
    spool = TABLE["spool_max_age"].default
    assert isinstance(spool, (int, float))
    window = load("prometheus.yaml")["storage"]["tsdb"]["out_of_order_time_window"]
    loki = load("loki.yaml")

    assert int(window.removesuffix("h")) * 3600 > spool
    assert int(loki["ingester"]["max_chunk_age"].removesuffix("h")) * 3600 / 2 > spool
    oldest = loki["limits_config"]["reject_old_samples_max_age"]
    assert int(oldest.removesuffix("h")) * 3600 > spool


def test_loki_has_three_index_labels() -> None:
    """One more for each process or user would be a stream each."""
    limits = load("loki.yaml")["limits_config"]
    (index,) = limits["otlp_config"]["resource_attributes"]["attributes_config"]

    assert limits["otlp_config"]["resource_attributes"]["ignore_defaults"] is True
    assert index == {
        "action": "index_label",
        "attributes": ["service.name", "service.namespace", "deployment.environment.name"],
    }
    assert load("loki.yaml")["analytics"]["reporting_enabled"] is False
