from __future__ import annotations

import pytest

from pepperpy_otel.demo import decode
from pepperpy_otel.demo.records import DataPoint, Event
from tests.demo import make


def test_span():
    """A span comes out with its ids in hexadecimal, its names in words and its events."""
    body = make.trace_request(
        parent_span_id=b"\x03" * 8,
        status={"code": 2, "message": "no"},
        attributes=[{"key": "http.status_code", "value": {"int_value": 500}}],
        events=[{"time_unix_nano": 2_000, "name": "exception"}],
    )

    (span,) = decode.traces(body)

    assert (span.service, span.scope, span.name) == ("storefront", "shop", "GET /")
    assert (span.trace_id, span.span_id, span.parent_id) == ("01" * 16, "02" * 8, "03" * 8)
    assert (span.kind, span.status, span.status_message) == ("server", "error", "no")
    assert span.attributes == {"http.status_code": 500}
    assert span.events == (Event(2_000, "exception", {}),)
    assert span.seconds == 2e-6


def test_span_that_ends_before_it_begins_lasts_no_time():
    """A clock that was set back makes no negative duration."""
    (span,) = decode.traces(make.trace_request(start_time_unix_nano=5_000))

    assert span.seconds == 0


def test_enum_of_a_later_protocol_is_not_said():
    """A kind and a status that we do not know are shown as the unknown ones."""
    (span,) = decode.traces(make.trace_request(kind=17, status={"code": 9}))

    assert (span.kind, span.status) == ("unspecified", "unset")


def test_log_record():
    """A log record comes out with its severity in words, its ids and a structured body."""
    body = make.log_request(
        time_unix_nano=7,
        severity_number=17,
        trace_id=b"\x01" * 16,
        span_id=b"\x02" * 8,
        body={
            "kvlist_value": {
                "values": [
                    {"key": "list", "value": {"array_value": {"values": [{"bool_value": True}]}}},
                    {"key": "nothing"},
                ]
            }
        },
    )

    (record,) = decode.logs(body)

    assert (record.service, record.severity, record.time) == ("unknown_service", "ERROR", 7)
    assert (record.trace_id, record.span_id) == ("01" * 16, "02" * 8)
    assert record.body == {"list": [True], "nothing": None}


@pytest.mark.parametrize(
    ("fields", "severity"),
    [
        ({"severity_text": "WARNING", "severity_number": 13}, "WARNING"),
        ({"severity_number": 1}, "TRACE"),
        ({"severity_number": 8}, "DEBUG"),
        ({"severity_number": 24}, "FATAL"),
        ({}, "UNSPECIFIED"),
    ],
)
def test_severity(fields, severity):
    """The severity is the text that was sent, else the name of the number's range."""
    assert decode.logs(make.log_request(**fields))[0].severity == severity


def test_log_record_without_a_time_has_the_one_of_its_observation():
    """What was only observed is sorted by when that was."""
    assert decode.logs(make.log_request(observed_time_unix_nano=9))[0].time == 9


def test_metrics_of_every_kind():
    """Each kind of metric gives its points, each with a value that can be shown."""
    body = make.metric_request(
        {
            "name": "c",
            "unit": "{order}",
            "sum": {
                "is_monotonic": True,
                "aggregation_temporality": 1,
                "data_points": [{"as_int": 3, "time_unix_nano": 5}],
            },
        },
        {"name": "u", "sum": {"aggregation_temporality": 2, "data_points": [{"as_double": 1.5}]}},
        {"name": "g", "gauge": {"data_points": [{"as_int": 1}, {"as_int": 2}]}},
        {"name": "h", "histogram": {"data_points": [{"sum": 2.5, "count": 5}]}},
        {"name": "e", "exponential_histogram": {"data_points": [{"sum": 4.0, "count": 2}]}},
        {"name": "s", "summary": {"data_points": [{"sum": 9.0, "count": 3}]}},
        {"name": "nothing"},
    )

    points = decode.metrics(body)

    assert points[0] == DataPoint(
        service="unknown_service",
        scope="",
        name="c",
        kind="counter",
        unit="{order}",
        attributes={},
        time=5,
        value=3,
        delta=True,
    )
    assert [(point.name, point.kind, point.value, point.count) for point in points[1:]] == [
        ("u", "updowncounter", 1.5, 0),
        ("g", "gauge", 1, 0),
        ("g", "gauge", 2, 0),
        ("h", "histogram", 2.5, 5),
        ("e", "exponential histogram", 4.0, 2),
        ("s", "summary", 9.0, 3),
    ]
    assert not any(point.delta for point in points[1:])


@pytest.mark.parametrize("decoder", [decode.traces, decode.logs, decode.metrics])
def test_garbage(decoder):
    """Bytes that are no request are refused with one kind of error."""
    with pytest.raises(decode.Undecodable):
        decoder(b"\xff\xff not protobuf")


@pytest.mark.parametrize("decoder", [decode.traces, decode.logs, decode.metrics])
def test_empty_request(decoder):
    """An empty request is a request with nothing in it."""
    assert decoder(b"") == []
