from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.prometheus import _mapping as upstream

from pepperpy_otel.metrics import names


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("s", "seconds"),
        ("ms", "milliseconds"),
        ("By", "bytes"),
        ("By/s", "bytes_per_second"),
        ("/s", "per_second"),
        ("{request}", ""),
        ("{request}/s", "per_second"),
        ("1", ""),
        ("%", "percent"),
        ("foo.bar", "foo_bar"),
        ("m/parsec", "meters_per_parsec"),
        ("m/", "m"),
        ("_x_", "x"),
        ("", ""),
    ],
)
def test_units_have_names(unit: str, expected: str) -> None:
    """Common units are spelled out, others are made fit for a name."""
    assert names.unit_name(unit) == expected


@given(st.text(max_size=8) | st.sampled_from(sorted(names._UNITS)))
def test_units_are_named_as_upstream(unit: str) -> None:
    """For every unit the suffix is that of opentelemetry-exporter-prometheus."""
    assert names.unit_name(unit) == upstream.map_unit(unit)


@given(st.text(max_size=12))
def test_metrics_and_labels_are_named_as_upstream(name: str) -> None:
    """For every name the result is that of opentelemetry-exporter-prometheus."""
    assert names.metric_name(name) == upstream.sanitize_full_name(name)
    assert names.label_name(name) == upstream.sanitize_attribute(name)


@pytest.mark.parametrize(
    ("name", "unit", "counter", "expected"),
    [
        ("http.duration", "s", False, ("http_duration_seconds", "seconds")),
        ("requests", "{request}", True, ("requests", "")),
        ("requests_total", "", True, ("requests", "")),
        ("requests_total", "", False, ("requests_total", "")),
        ("size.bytes", "By", False, ("size_bytes", "bytes")),
        ("size.bytes.total", "By", True, ("size_bytes", "bytes")),
        ("bytes.total", "By", True, ("bytes", "")),
        ("seconds", "s", False, ("seconds", "")),
    ],
)  # fmt: skip
def test_families_have_one_unit_suffix(
    name: str, unit: str, counter: bool, expected: tuple[str, str]
) -> None:
    """A unit is not repeated, and is given only where the name ends with it."""
    assert names.family_name(name, unit, counter=counter) == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x", "x"),
        (1, "1"),
        (1.5, "1.5"),
        (True, "true"),
        (None, "null"),
        (("a", 1), '["a", 1]'),
        ({"k": 1}, '{"k": 1}'),
        (b"raw", "\"b'raw'\""),
        ("é", "é"),
        ("\ud800", "?"),
    ],
)
def test_values_become_text(value: Any, text: str) -> None:
    """Text stays, everything else is JSON, and all of it can be encoded."""
    assert names.label_value(value) == text
    text.encode()


def test_attributes_become_labels() -> None:
    """Names are made fit, one label for each."""
    assert names.labels([("http.method", "GET"), ("code", 200)]) == {
        "http_method": "GET",
        "code": "200",
    }


def test_attributes_that_become_one_label_are_joined() -> None:
    """In the order of their own names, as the specification says."""
    pairs = [("a_b", "2"), ("a.b", "1"), ("c", "3"), ("a-b", "0")]
    assert names.labels(pairs) == {"a_b": "0;1;2", "c": "3"}
