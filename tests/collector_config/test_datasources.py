"""Correlation: what each data source knows of the two others."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jsonschema
import yaml

from tests.collector_config.grafana import DASHBOARDS, datasources
from tests.integration.locate import CONFIG

TEXT = {"type": "string", "minLength": 1}
UID = {"enum": ["prometheus", "jaeger", "loki"]}
SHIFT = {"type": "string", "pattern": "^-?[0-9]+(s|m|h)$"}
TAGS = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["key"],
        "additionalProperties": False,
        "properties": {"key": TEXT, "value": TEXT},
    },
}
#: ``jsonData`` as documented for each type: grafana.com/docs/grafana/latest/datasources.
OPTIONS: dict[str, dict[str, Any]] = {
    "prometheus": {
        "httpMethod": {"enum": ["POST", "GET"]},
        "prometheusType": {"const": "Prometheus"},
        "prometheusVersion": TEXT,
        "timeInterval": {"type": "string", "pattern": "^[0-9]+(s|m)$"},
        "manageAlerts": {"type": "boolean"},
        "exemplarTraceIdDestinations": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "oneOf": [{"required": ["name", "datasourceUid"]}, {"required": ["name", "url"]}],
                "additionalProperties": False,
                "properties": {
                    **dict.fromkeys(("name", "url", "urlDisplayLabel"), TEXT),
                    "datasourceUid": UID,
                },
            },
        },
    },
    "jaeger": {
        "tracesToLogsV2": {
            "type": "object",
            "required": ["datasourceUid"],
            "additionalProperties": False,
            "properties": {
                "datasourceUid": UID,
                "spanStartTimeShift": SHIFT,
                "spanEndTimeShift": SHIFT,
                "tags": TAGS,
                **{
                    key: {"type": "boolean"}
                    for key in ("filterByTraceID", "filterBySpanID", "customQuery")
                },
                "query": TEXT,
            },
        },
        "tracesToMetrics": {
            "type": "object",
            "required": ["datasourceUid", "queries"],
            "additionalProperties": False,
            "properties": {
                "datasourceUid": UID,
                "spanStartTimeShift": SHIFT,
                "spanEndTimeShift": SHIFT,
                "tags": TAGS,
                "queries": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "required": ["name", "query"],
                        "additionalProperties": False,
                        "properties": {"name": TEXT, "query": TEXT},
                    },
                },
            },
        },
        "nodeGraph": {"properties": {"enabled": {"const": True}}},
        "spanBar": {"properties": {"type": {"enum": ["None", "Duration", "Tag"]}}},
        "traceIdTimeParams": {"properties": {"enabled": {"type": "boolean"}}},
    },
    "loki": {
        "maxLines": {"type": "integer", "maximum": 5000},
        "derivedFields": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["name", "matcherType", "matcherRegex", "url"],
                "additionalProperties": False,
                "properties": {
                    **dict.fromkeys(("name", "matcherRegex", "url", "urlDisplayLabel"), TEXT),
                    "matcherType": {"enum": ["label", "regex"]},
                    "datasourceUid": UID,
                },
            },
        },
    },
}


def options(uid: str) -> dict[str, Any]:
    """``jsonData`` of a data source."""
    return dict(datasources()[uid]["jsonData"])


def test_there_are_three_of_which_one_is_the_default() -> None:
    """The uids that dashboards, links and people use."""
    found = datasources()
    assert {uid: each["type"] for uid, each in found.items()} == {uid: uid for uid in OPTIONS}
    assert [uid for uid, each in found.items() if each.get("isDefault")] == ["prometheus"]


def test_options_are_the_documented_ones() -> None:
    """What a plugin does not know it silently ignores: nothing here is misspelt."""
    for uid, properties in OPTIONS.items():
        schema = {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }
        jsonschema.Draft202012Validator(schema).validate(options(uid))


def test_addresses_are_the_services_of_the_stack() -> None:
    """Host and port that docker-compose.yml has."""
    compose = yaml.safe_load((CONFIG.parent / "docker-compose.yml").read_text(encoding="utf-8"))
    ports = {"prometheus": 9090, "jaeger": 16686, "loki": 3100}
    for uid, source in datasources().items():
        assert source["url"] == f"http://{uid}:{ports[uid]}"
        published = " ".join(compose["services"][uid]["ports"])
        assert published.endswith(f":{ports[uid]}") or f":{ports[uid]} " in published


def test_a_metric_leads_to_its_trace_and_logs() -> None:
    """By the label that the SDK and span_metrics give exemplars."""
    trace, logs = options("prometheus")["exemplarTraceIdDestinations"]
    assert (trace["name"], trace["datasourceUid"]) == ("trace_id", "jaeger")
    assert logs["name"] == "trace_id"
    address = urlsplit(logs["url"])
    assert (address.scheme, address.netloc, address.path) == ("", "", "/explore")
    (pane,) = json.loads(parse_qs(address.query)["panes"][0]).values()
    assert pane["datasource"] == "loki"
    (query,) = pane["queries"]
    assert query["datasource"] == {"type": "loki", "uid": "loki"}
    assert query["expr"] == '{service_name=~".+"} | trace_id = "$${__value.raw}"'


def test_a_trace_leads_to_its_logs() -> None:
    """By trace id alone, with a matcher that Loki takes: no tag of the span has to be there."""
    to_logs = options("jaeger")["tracesToLogsV2"]
    assert to_logs["datasourceUid"] == "loki"
    assert to_logs["customQuery"]
    assert to_logs["query"] == '{service_name=~".+"} | trace_id = "$${__trace.traceId}"'


def test_a_trace_leads_to_metrics() -> None:
    """Of the process that the span ran in; a span without that tag gets a query that is valid."""
    to_metrics = options("jaeger")["tracesToMetrics"]
    assert to_metrics["datasourceUid"] == "prometheus"
    assert to_metrics["tags"] == [{"key": "service.instance.id", "value": "service_instance_id"}]
    prometheus = yaml.safe_load((CONFIG / "prometheus.yaml").read_text(encoding="utf-8"))
    assert "service.instance.id" in prometheus["otlp"]["promote_resource_attributes"]
    for each in to_metrics["queries"]:
        # `{$$__tags, x="y"}` would begin with a comma where there is no such tag.
        assert re.search(r"\$\$__tags\}", each["query"]), each["name"]


def test_a_log_line_leads_to_its_trace_and_service() -> None:
    """By structured metadata, as OTLP brings it, not by a pattern in the text."""
    trace, service = options("loki")["derivedFields"]
    assert (trace["matcherType"], trace["matcherRegex"]) == ("label", "trace_id")
    assert (trace["datasourceUid"], trace["url"]) == ("jaeger", "$${__value.raw}")
    assert (service["matcherType"], service["matcherRegex"]) == ("label", "service_name")
    assert service["url"] == "/d/pepperpy-service?var-service=$${__value.raw}"
    assert "pepperpy-service" in DASHBOARDS
