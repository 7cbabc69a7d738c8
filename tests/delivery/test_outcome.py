from __future__ import annotations

import pytest

from pepperpy_otel.delivery.outcome import Outcome, from_grpc, from_http, one_line


@pytest.mark.parametrize("status", [200, 202, 204, 299])
def test_success_delivers_the_batch(status: int) -> None:
    """Every 2xx means that the destination has it."""
    assert from_http(status, 7) == Outcome(delivered=7)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_server_is_tried_again(status: int) -> None:
    """These answers keep the batch, and the wait that the server asked for."""
    outcome = from_http(status, 7, retry_after=3.0)
    assert (outcome.retry, outcome.misconfigured, outcome.retry_after) == (True, False, 3.0)
    assert str(status) in (outcome.error or "")


@pytest.mark.parametrize("status", [300, 301, 302, 307, 308, 399, 401, 403, 404, 405, 407])
def test_a_wrong_set_up_is_never_a_success(status: int) -> None:
    """A redirect, a missing path or bad credentials keep the batch and say what is wrong."""
    outcome = from_http(status, 7)
    assert (outcome.delivered, outcome.retry, outcome.misconfigured) == (0, True, True)


@pytest.mark.parametrize("status", [100, 400, 402, 408, 413, 415, 422, 500, 501, 505, 599])
def test_other_answers_drop_the_batch(status: int) -> None:
    """Sending the same again would get the same answer."""
    outcome = from_http(status, 7, detail="too odd")
    assert (outcome.delivered, outcome.retry) == (0, False)
    assert (outcome.error or "").endswith(": too odd")


def test_a_status_has_its_words() -> None:
    """The error names the status as people know it."""
    assert from_http(404, 1).error == "HTTP 404 Not Found"
    assert from_http(599, 1).error == "HTTP 599"


RETRIED = [
    "CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS",
]  # fmt: skip


@pytest.mark.parametrize("code", RETRIED)
def test_grpc_codes_that_are_tried_again(code: str) -> None:
    """Those of the OTLP specification."""
    outcome = from_grpc(code, 7, retry_after=2.0)
    assert (outcome.retry, outcome.misconfigured, outcome.retry_after) == (True, False, 2.0)


def test_an_exhausted_server_is_tried_again_when_it_says_when() -> None:
    """RESOURCE_EXHAUSTED means busy with RetryInfo, and too much without."""
    assert from_grpc("RESOURCE_EXHAUSTED", 7, retry_after=1.0).retry
    assert not from_grpc("RESOURCE_EXHAUSTED", 7).retry


@pytest.mark.parametrize("code", ["UNAUTHENTICATED", "PERMISSION_DENIED", "UNIMPLEMENTED"])
def test_grpc_codes_of_a_wrong_set_up(code: str) -> None:
    """They keep the batch and say so."""
    outcome = from_grpc(code, 7)
    assert (outcome.retry, outcome.misconfigured) == (True, True)


@pytest.mark.parametrize("code", ["INVALID_ARGUMENT", "INTERNAL", "UNKNOWN", "NOT_FOUND"])
def test_other_grpc_codes_drop_the_batch(code: str) -> None:
    """Sending the same again would get the same answer."""
    outcome = from_grpc(code, 7, detail="odd")
    assert (outcome.retry, outcome.delivered, outcome.error) == (False, 0, f"gRPC {code}: odd")


@pytest.mark.parametrize(
    ("code", "detail"),
    [
        ("RESOURCE_EXHAUSTED", "grpc: received message larger than max (5 vs. 4)"),
        ("RESOURCE_EXHAUSTED", "SERVER: Received message larger than max (5 vs. 4)"),
        ("RESOURCE_EXHAUSTED", "gRPC message exceeds maximum size 4: 5"),
        ("RESOURCE_EXHAUSTED", "Received message exceeds the maximum configured message size."),
        ("OUT_OF_RANGE", "Error, decoded message length too large: found 5 bytes"),
        ("UNKNOWN", "Received http2 header with status: 413"),
        ("UNKNOWN", "HTTP 413 without a gRPC status"),
    ],
)
def test_a_message_that_is_too_large_may_be_divided(code: str, detail: str) -> None:
    """As the servers of several languages word it; with RetryInfo it is about load after all."""
    outcome = from_grpc(code, 7, detail=detail)
    assert (outcome.retry, outcome.divisible, outcome.reason) == (False, True, "too_large")
    assert not from_grpc(code, 7, detail=detail, retry_after=1.0).divisible


def test_a_batch_that_is_too_large_or_bad_may_be_divided() -> None:
    """413 and 400 are about the batch; the rest of 4xx and 5xx are not."""
    large = from_http(413, 7)
    assert (large.divisible, large.reason, large.retry) == (True, "too_large", False)
    assert (from_http(400, 7).divisible, from_http(400, 7).reason) == (True, "refused")
    assert from_grpc("INVALID_ARGUMENT", 7).divisible
    assert not from_http(422, 7).divisible
    assert not from_grpc("RESOURCE_EXHAUSTED", 7, detail="quota").divisible
    assert not from_grpc("INTERNAL", 7, detail="larger than max").divisible


def test_a_user_may_say_which_grpc_codes_are_tried_again() -> None:
    """They take the place of the specification's; busy with RetryInfo stays what it is."""
    assert from_grpc("INTERNAL", 7, retry=("INTERNAL",)).retry
    assert not from_grpc("UNAVAILABLE", 7, retry=("INTERNAL",)).retry
    assert from_grpc("RESOURCE_EXHAUSTED", 7, retry_after=1.0, retry=("INTERNAL",)).retry


def test_grpc_success_delivers_the_batch() -> None:
    """OK means that the destination has it."""
    assert from_grpc("OK", 7) == Outcome(delivered=7)


def test_unencodable_items_are_told_of_once_the_rest_is_through() -> None:
    """They are counted with the batch's end, not with each try."""
    sent = Outcome(delivered=3).with_unencodable(2, "no bytes")
    assert (sent.delivered, sent.unencodable, sent.error) == (3, 2, "no bytes")
    both = Outcome(error="HTTP 400").with_unencodable(2, "no bytes")
    assert both.error == "HTTP 400; no bytes"
    assert Outcome(retry=True).with_unencodable(2, "no bytes").unencodable == 0
    assert Outcome(delivered=1).with_unencodable(0, None) == Outcome(delivered=1)
    assert Outcome(delivered=1).with_unencodable(1, None).error is None


def test_text_from_elsewhere_stays_one_line() -> None:
    """Control characters and length of a server's message cannot spoil our line."""
    assert one_line("a\nb\x1b[31m\tc") == "a b [31m c"
    assert len(one_line("x" * 10_000)) == 200
