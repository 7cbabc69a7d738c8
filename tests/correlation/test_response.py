"""The id in the response, through the instrumentations of the frameworks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.instrumentation import propagators as untyped

import pepperpy_otel
from pepperpy_otel.correlation import correlation_id, use_correlation_id
from pepperpy_otel.correlation.response import CorrelationResponsePropagator, install
from pepperpy_otel.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_otel.telemetry import Telemetry

HEADER = "x-correlation-id"
propagators: Any = untyped


class _ByFastApi:
    """One route that answers with the id of the request."""

    def __init__(self) -> None:
        from fastapi import FastAPI
        from fastapi.responses import JSONResponse

        app = FastAPI()

        @app.get("/")
        async def show() -> Any:
            return correlation_id()

        @app.get("/own")
        async def own() -> Any:
            return JSONResponse("own", headers={HEADER: "mine"})

        self._app = app

    def get(self, path: str, headers: dict[str, str]) -> tuple[list[str], Any]:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
                return await client.get(path, headers=headers)

        answer = asyncio.run(ask())
        return answer.headers.get_list(HEADER), answer.json()


class _ByFlask:
    def __init__(self) -> None:
        import flask

        app = flask.Flask("app")

        @app.get("/")
        def show() -> Any:
            return flask.jsonify(correlation_id())

        @app.get("/own")
        def own() -> Any:
            return flask.jsonify("own"), 200, {HEADER: "mine"}

        self._client = app.test_client()

    def get(self, path: str, headers: dict[str, str]) -> tuple[list[str], Any]:
        answer = self._client.get(path, headers=headers)
        return answer.headers.getlist(HEADER), answer.get_json()


FRAMEWORKS = {"fastapi": _ByFastApi, "flask": _ByFlask}


@pytest.fixture(params=sorted(FRAMEWORKS))
def ask(request: pytest.FixtureRequest, configure: Callable[..., Telemetry]) -> Callable[..., Any]:
    """Configure, make the app, ask it."""

    def call(path: str = "/", headers: dict[str, str] | None = None, **settings: Any) -> Any:
        if pepperpy_otel.get_telemetry() is None:
            configure(instrument=[request.param], **settings)
        return FRAMEWORKS[request.param]().get(path, headers or {})

    return call


def test_the_id_of_a_request_is_current_and_not_told_by_default(ask: Callable[..., Any]) -> None:
    """It is taken without any setting; the response is as the app made it."""
    assert ask(headers={"X-Correlation-ID": "abc"}) == ([], "abc")
    assert ask(headers={"X-Request-ID": "def"}) == ([], "def")
    assert ask() == ([], None)


def test_the_response_has_it_by_setting(ask: Callable[..., Any]) -> None:
    """Once; without an id there is no header; what the app has set itself stays."""
    assert ask(headers={HEADER: "abc"}, correlation_response=True) == (["abc"], "abc")
    assert ask() == ([], None)
    assert ask("/own", headers={HEADER: "abc"}) == (["mine"], "own")


def test_one_that_is_made_is_told(ask: Callable[..., Any]) -> None:
    """So that who called without one knows what to quote."""
    [told], seen = ask(correlation_response=True, correlation_id="make")
    assert told == seen
    assert len(told) == 32


def test_a_hostile_id_is_not_given_back(ask: Callable[..., Any]) -> None:
    """Nothing of it gets into a header."""
    bad = {HEADER: "a;b<script>", "x-request-id": "x" * 300}
    assert ask(headers=bad, correlation_response=True) == ([], None)


class _Before(untyped.ResponsePropagator):
    def inject(self, carrier: Any, context: Any = None, setter: Any = None) -> None:
        setter.set(carrier, "before", "1")


def test_one_that_the_app_has_set_is_called_first_and_comes_back() -> None:
    """Ours adds to it, and goes with the undoing."""
    before = _Before()
    propagators.set_global_response_propagator(before)
    try:
        ledger = Ledger()
        install(ledger.record)
        carrier: dict[str, str] = {}
        with use_correlation_id("abc"):
            propagators.get_global_response_propagator().inject(carrier)
        assert carrier == {"before": "1", HEADER: "abc"}
        assert ledger.undo().restored == ("global response propagator",)
        assert propagators.get_global_response_propagator() is before
        install(ledger.record)
        propagators.set_global_response_propagator(None)
        ledger.undo()
        assert propagators.get_global_response_propagator() is None, "the app's last word"
    finally:
        propagators.set_global_response_propagator(None)


class _Django:
    """As Django's response is asked."""

    def __init__(self, **headers: str) -> None:
        self.headers = headers

    def has_header(self, name: str) -> bool:
        return name in self.headers

    def get(self, name: str, default: str = "") -> str:
        return self.headers.get(name, default)

    def __setitem__(self, name: str, value: str) -> None:
        self.headers[name] = value


def _injected(carrier: Any, context: Any = None) -> Any:
    CorrelationResponsePropagator().inject(carrier, context, _SETTERS.get(type(carrier)))
    return carrier


class _Append:
    def set(self, carrier: Any, key: str, value: str) -> None:
        (carrier["headers"] if isinstance(carrier, dict) else carrier).append((key, value))


_SETTERS: dict[type, Any] = {list: _Append(), dict: _Append()}


def test_every_kind_of_response() -> None:
    """Pairs of WSGI, messages of ASGI, Django's object; each with its own header already."""
    with use_correlation_id("abc"):
        assert _injected([]) == [(HEADER, "abc")]
        assert _injected([("X-Correlation-ID", "mine"), ()]) == [("X-Correlation-ID", "mine"), ()]
        start = {"type": "http.response.start", "headers": [(b"X-Correlation-Id", b"mine")]}
        assert len(_injected(start)["headers"]) == 1
        body: dict[str, Any] = {"type": "http.response.body", "headers": []}
        assert _injected(body)["headers"] == []
        assert _injected(_Django()).headers == {HEADER: "abc"}
        assert _injected(_Django(**{HEADER: "mine"})).headers == {HEADER: "mine"}


def test_the_id_is_found_on_the_span_where_the_context_is_gone() -> None:
    """A response that another task sends has the span, and the attribute on it."""

    class Span(trace.NonRecordingSpan):
        attributes = {"correlation.id": "abc"}  # noqa: RUF012

    context = trace.set_span_in_context(Span(trace.INVALID_SPAN_CONTEXT), Context())
    assert _injected([], context) == [(HEADER, "abc")]
    assert _injected([], Context()) == []


def test_a_carrier_that_takes_nothing_costs_the_header_only(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The response goes out, one line is said."""
    with use_correlation_id("abc"):
        _injected(7)
    assert "the correlation id in a response" in capsys.readouterr().err
