"""``CorrelationPropagator``: taken, made, replaced, sent, and kept back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry import baggage
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import Getter

from pepperpy_otel.correlation import CorrelationPropagator, correlation_id, use_correlation_id
from pepperpy_otel.correlation.propagator import scrub

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

HEADER = "x-correlation-id"


def _extracted(headers: dict[str, Any], context: Context | None = None) -> Context:
    return CorrelationPropagator().extract(headers, context)


def test_the_id_of_the_header_is_taken() -> None:
    """It is the current one in the context that comes out, and baggage there."""
    context = _extracted({HEADER: "abc"})
    assert correlation_id(context) == "abc"
    assert baggage.get_all(context) == {"correlation.id": "abc"}


def test_the_first_header_that_has_one_counts() -> None:
    """One that cannot be an id is as good as none."""
    assert correlation_id(_extracted({HEADER: "a", "x-request-id": "b"})) == "a"
    assert correlation_id(_extracted({HEADER: "a\nb", "x-request-id": "b"})) == "b"
    assert correlation_id(_extracted({HEADER: ["first", "second"]})) == "first"
    assert correlation_id(_extracted({HEADER: []})) is None


def test_other_headers_by_setting(use_policy: Callable[..., Any]) -> None:
    """Then those count, and the first of them is sent."""
    use_policy(headers=("x-amzn-trace", "request-id"))
    context = _extracted({HEADER: "a", "request-id": "b"})
    assert correlation_id(context) == "b"
    carrier: dict[str, str] = {}
    CorrelationPropagator().inject(carrier, context)
    assert carrier == {"x-amzn-trace": "b"}
    assert CorrelationPropagator().fields == {"x-amzn-trace"}


def test_the_id_of_the_baggage_stays_where_no_header_has_one() -> None:
    """Services of OpenTelemetry hand it on so; a header wins over it."""
    before = baggage.set_baggage("correlation.id", "old", baggage.set_baggage("a", "1", Context()))
    assert _extracted({}, before) is before
    after = _extracted({HEADER: "new"}, before)
    assert baggage.get_all(after) == {"a": "1", "correlation.id": "new"}


def test_what_cannot_be_an_id_is_taken_out_of_the_baggage() -> None:
    """Nothing behind this point can trip over it."""
    before = baggage.set_baggage("correlation.id", "a\nb", baggage.set_baggage("a", "1", Context()))
    assert baggage.get_all(_extracted({}, before)) == {"a": "1"}


def test_by_default_none_is_made() -> None:
    """A request without an id has none."""
    assert correlation_id(_extracted({})) is None


def test_one_is_made_by_setting(use_policy: Callable[..., Any]) -> None:
    """For a request that brings none, and only for that."""
    use_policy(mode="make")
    made = correlation_id(_extracted({}))
    assert made is not None
    assert made != correlation_id(_extracted({}))
    assert correlation_id(_extracted({HEADER: "mine"})) == "mine"


def test_all_are_replaced_by_setting(use_policy: Callable[..., Any]) -> None:
    """At the edge nobody's word is taken, neither header nor baggage."""
    use_policy(mode="replace")
    before = baggage.set_baggage("correlation.id", "theirs", Context())
    found = correlation_id(_extracted({HEADER: "mine"}, before))
    assert found not in (None, "mine", "theirs")


def test_off_takes_and_sends_nothing(use_policy: Callable[..., Any]) -> None:
    """The baggage is left as it came."""
    use_policy(mode="off")
    context = Context()
    assert _extracted({HEADER: "a"}, context) is context
    carrier: dict[str, str] = {}
    with use_correlation_id("a"):
        CorrelationPropagator().inject(carrier)
    assert carrier == {}


def test_the_current_id_is_sent() -> None:
    """In lower case, as gRPC wants it; without an id nothing is."""
    carrier: dict[str, str] = {}
    CorrelationPropagator().inject(carrier)
    assert carrier == {}
    with use_correlation_id("abc"):
        CorrelationPropagator().inject(carrier)
    assert carrier == {HEADER: "abc"}


class _Broken(Getter[Any]):
    def get(self, carrier: Any, key: str) -> list[str]:
        raise RuntimeError("broken")

    def keys(self, carrier: Any) -> list[str]:
        return []


def test_a_broken_getter_or_carrier_costs_nothing_but_the_id(
    capsys: pytest.CaptureFixture[str], use_policy: Callable[..., Any]
) -> None:
    """The request goes on, with one that is made where that is wanted; each is said once."""
    context = Context()
    assert CorrelationPropagator().extract({}, context, getter=_Broken()) is context
    with use_correlation_id("abc"):
        CorrelationPropagator().inject(7)  # type: ignore[misc]
    said = capsys.readouterr().err
    assert said.count("internal error") == 2
    use_policy(mode="make")
    assert correlation_id(CorrelationPropagator().extract({}, context, getter=_Broken()))


def test_scrubbing_takes_headers_out_of_every_kind_of_carrier() -> None:
    """Mappings in any case, lists of pairs of text and of bytes; what is neither stays."""
    mapping: dict[Any, str] = {"Baggage": "a", b"BAGGAGE": "b", "other": "c"}
    scrub(mapping, ("baggage",))
    assert mapping == {"other": "c"}
    pairs: list[Any] = [("baggage", b"a"), (b"Baggage", b"b"), ("other", b"c"), ()]
    scrub(pairs, ("baggage",))
    assert pairs == [("other", b"c"), ()]
    scrub(7, ("baggage",))
