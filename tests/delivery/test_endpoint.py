from __future__ import annotations

import pytest

from pepperpy_otel.delivery import OtlpEndpoint


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://user:secret@host:4318/v1/traces?token=secret", "http://host:4318/v1/traces"),
        ("https://[::1]:4318/v1/logs", "https://[::1]:4318/v1/logs"),
        ("localhost:4317", "localhost:4317"),
        ("unix:/run/otel.sock", "unix:/run/otel.sock"),
    ],
)
def test_people_see_no_secrets_of_a_url(url: str, shown: str) -> None:
    """User, password and query stay out of warnings."""
    assert OtlpEndpoint(url).shown == shown


def test_an_endpoint_has_the_specifications_defaults() -> None:
    """Ten seconds, no compression, no headers, HTTP."""
    endpoint = OtlpEndpoint("http://localhost:4318/v1/traces")
    assert (endpoint.timeout, endpoint.compression, dict(endpoint.headers)) == (10.0, "none", {})
    assert (endpoint.protocol, endpoint.insecure) == ("http/protobuf", None)
