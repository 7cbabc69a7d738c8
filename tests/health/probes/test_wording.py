"""One line, no secrets."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pepperpy_otel.health import HealthStatus
from pepperpy_otel.health.probes import wording
from pepperpy_otel.health.probes.deadline import Deadline, Patience


@pytest.mark.parametrize(
    ("address", "secrets"),
    [
        ("postgresql://app:hunter2@db/orders", {"hunter2"}),
        ("postgresql://app:p%40ss@db/orders", {"p%40ss", "p@ss"}),
        ("postgresql://db/orders?password=hunter2&user=app", {"hunter2"}),
        ("host=db user=app password='hunter 2'", {"hunter 2"}),
        ("nats://t0ken@host:4222", {"t0ken"}),
        ("redis://:hunter2@cache:6379/0", {"hunter2"}),
        ("amqp://[broken", set()),
        ("host=db user=app", set()),
    ],
)
def test_the_secrets_of_an_address_are_found(address: str, secrets: set[str]) -> None:
    """As written and decoded, in URLs and in words."""
    assert set(wording.secrets_of(address)) == secrets


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("postgresql://app:hunter2@db:5432/orders", "db:5432"),
        ("redis://cache", "cache"),
        ("redis://[::1]:6379", "[::1]:6379"),
        ("host=db password=hunter2", "host=db password=***"),
        ("amqp://u:hunter2@host:port/", "amqp://***@host:port/"),
        ("amqp://app:hunter2@[broken", "amqp://***@[broken"),
    ],
)
def test_an_address_is_shown_without_its_user(address: str, text: str) -> None:
    """Host and port; what is not understood is masked."""
    assert wording.shown(address) == text


@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=4, max_size=20),
    st.text(max_size=30),
    st.text(max_size=30),
)
@settings(max_examples=200, deadline=None)
def test_a_secret_is_never_in_the_line(secret: str, before: str, after: str) -> None:
    """Wherever it stands in the driver's error."""
    if secret in before + after or secret in "db: ValueError: ***":
        return
    error = ValueError(f"{before}{secret}{after}")
    result = wording.failure(error, "db", 1.0, (secret,))
    assert secret not in result.reason.replace("***", "")
    assert len(result.reason.splitlines()) == 1


def test_a_long_error_is_cut() -> None:
    """A pasted page must not become a summary."""
    line = wording.one_line("x" * 1000)
    assert len(line) == 200
    assert line.endswith("...")


def test_an_error_without_a_text_or_with_a_broken_one_is_its_type() -> None:
    """Some drivers raise without a word, and some ``__str__`` raise."""

    class Rude(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert wording.described(LookupError()) == "LookupError"
    assert wording.described(Rude()) == "Rude"


def _chained(outer: Exception, inner: Exception, *, cause: bool) -> Exception:
    try:
        try:
            raise inner
        except Exception as error:
            if cause:
                raise outer from error
            raise outer  # noqa: B904
    except Exception as error:
        return error


def test_a_timeout_is_one_by_itself_by_name_or_by_what_is_behind_it() -> None:
    """Drivers wrap the socket's timeout in errors of their own, or name theirs so."""

    class ReadTimeoutError(Exception):
        pass

    assert wording.is_timeout(TimeoutError())
    assert wording.is_timeout(ReadTimeoutError())
    assert wording.is_timeout(_chained(OSError("lost"), TimeoutError(), cause=True))
    assert wording.is_timeout(_chained(OSError("lost"), TimeoutError(), cause=False))
    assert not wording.is_timeout(OSError("refused"))
    hidden = _chained(OSError("lost"), TimeoutError(), cause=False)
    hidden.__suppress_context__ = True
    assert not wording.is_timeout(hidden)
    ring = OSError()
    ring.__cause__ = ring
    assert not wording.is_timeout(ring)


def test_the_three_results() -> None:
    """Status, line and data."""
    assert wording.healthy("fine", a=1).data == {"a": 1}
    assert wording.degraded("slow").status is HealthStatus.DEGRADED
    assert wording.unhealthy("down").status is HealthStatus.UNHEALTHY


def test_a_deadline_grants_a_later_step_half_at_least() -> None:
    """A process that stood still says nothing about the server."""
    now = [100.0]
    deadline = Deadline(2.0, lambda: now[0])
    assert deadline.left() == 2.0
    assert deadline.share(0.5).left() == 1.0
    now[0] += 0.5
    assert (deadline.left(), deadline.over) == (1.5, False)
    now[0] += 5.0
    assert (deadline.left(), deadline.over) == (1.0, True)


def test_patience_counts_a_slot_in_which_the_process_stood_still_as_one_slot() -> None:
    """And one that ended early as what it took."""
    now = [100.0]
    patience = Patience(0.12, lambda: now[0])
    assert patience.slot() == 0.05
    now[0] += 30.0
    patience.waited()
    assert patience.left == pytest.approx(0.07)
    patience.slot()
    now[0] += 0.03
    patience.waited()
    assert patience.slot() == pytest.approx(0.04)
    now[0] += 0.06
    patience.waited()
    assert patience.slot() == 0
