"""RabbitMQ with stub drivers. For real: integration."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pepperpy_otel.health import HealthStatus, probes
from tests.health.probes.stubs import Calls, Slowly, missing, module

if TYPE_CHECKING:
    from collections.abc import Callable

URL = "amqp://app:hunter2@mq:5672/%2F"


class _Loop:
    """Pika's loop: runs what was scheduled, or the timer when there is nothing."""

    def __init__(self) -> None:
        self.due: list[Callable[[], object]] = []
        self.timers: list[Callable[[], object]] = []
        self.running = False
        self.closed = False

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Any:
        assert seconds > 0
        self.timers.append(callback)
        return callback

    def remove_timeout(self, timer: Any) -> None:
        self.timers.remove(timer)

    def start(self) -> None:
        self.running = True
        while self.running:
            (self.due.pop(0) if self.due else self.timers[-1])()

    def stop(self) -> None:
        self.running = False

    def close(self) -> None:
        self.closed = True

    def add_handler(self, fd: int, handler: Any, events: int) -> None:
        """Watched."""

    def remove_handler(self, fd: int) -> None:
        """No longer."""


class _Pika:
    """A broker behind pika; ``does`` says what happens at each step."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: C901  # a whole driver
        self.does = {"open": "opens", "channel": "opens", "close": "closes", "shutdown": "closes"}
        self.made: list[Any] = []
        broker = self

        class SelectConnection:
            def __init__(
                self,
                parameters: Any,
                *,
                on_open_callback: Any,
                on_open_error_callback: Any,
                on_close_callback: Any,
                custom_ioloop: Any,
            ) -> None:
                self.parameters, self.loop = parameters, custom_ioloop
                self.is_closed = False
                self.on_close = on_close_callback
                self.channels: list[str] = []
                self.near, self.far = socket.socketpair()
                self.loop.add_handler(self.far.fileno(), None, 1)
                self.loop.add_handler(self.near.fileno(), None, 1)
                broker.made.append(self)
                if broker.does["open"] == "opens":
                    self.loop.due.append(lambda: on_open_callback(self))
                elif broker.does["open"] == "fails":
                    self.is_closed = True
                    error = ConnectionError("hunter2 refused")
                    self.loop.due.append(lambda: on_open_error_callback(self, error))

            def channel(self, *, on_open_callback: Any) -> Any:
                closing: list[Any] = []

                def close() -> None:
                    self.channels.append("closed")
                    self.loop.due.append(lambda: closing[0](None, None))

                self.channels.append("opened")
                if broker.does["channel"] == "opens":
                    self.loop.due.append(lambda: on_open_callback(None))
                elif broker.does["channel"] == "fails":
                    self.gone()
                return SimpleNamespace(add_on_close_callback=closing.append, close=close)

            def close(self) -> None:
                if broker.does["close"] == "closes":
                    self.loop.due.append(self.gone)

            def gone(self) -> None:
                self.is_closed = True
                self.on_close(self, ConnectionError("closed"))

        class Loop(_Loop):
            def start(self) -> None:
                made = broker.made[-1]
                made.near.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    if made.near.recv(1) == b"" and broker.does["shutdown"] == "closes":
                        self.due.append(made.gone)
                super().start()

        def url_parameters(url: str) -> Any:
            if "hunter2" not in url:
                raise ValueError(f"port could not be cast: {url}")
            return SimpleNamespace(url=url)

        module(monkeypatch, "pika", SelectConnection=SelectConnection, URLParameters=url_parameters)
        module(monkeypatch, "pika.adapters.select_connection", IOLoop=Loop)

    def end(self) -> None:
        for each in self.made:
            assert each.loop.closed
            each.near.close()
            each.far.close()


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Any:
    stub = _Pika(monkeypatch)
    yield stub
    stub.end()


def test_pika_opens_a_channel_over_one_connection(broker: _Pika) -> None:
    """Without heartbeats, which nobody would answer; closed politely."""
    probe = probes.rabbitmq(URL, timeout=3.0)
    for _ in range(2):
        result: Any = probe()
        assert result.status is HealthStatus.HEALTHY
    assert result.data == {"target": "rabbitmq mq:5672"}
    (connection,) = broker.made
    assert connection.channels == ["opened", "closed"] * 2
    assert connection.parameters.heartbeat == 0
    assert connection.parameters.stack_timeout >= 3.0
    probe.close()
    assert connection.is_closed


@pytest.mark.parametrize("step", ["open", "channel"])
def test_a_broker_that_refuses_is_unhealthy(broker: _Pika, step: str) -> None:
    """Its word, masked; everything is closed."""
    broker.does[step] = "fails"
    result: Any = probes.rabbitmq(URL)()
    assert result.status is HealthStatus.UNHEALTHY
    assert result.reason.startswith("rabbitmq mq:5672: ConnectionError: ")
    assert "hunter2" not in str(result)


@pytest.mark.parametrize("step", ["open", "channel"])
@pytest.mark.parametrize("shutdown", ["closes", "hangs"])
def test_a_broker_that_is_silent_loses_its_socket(broker: _Pika, step: str, shutdown: str) -> None:
    """No answer in time; a close would wait for one, too."""
    broker.does.update({step: "hangs", "shutdown": shutdown})
    result: Any = probes.rabbitmq(URL)()
    assert result.reason == "rabbitmq mq:5672: no answer within 1 s"
    (connection,) = broker.made
    assert connection.is_closed is (shutdown == "closes")


def test_a_broker_that_does_not_say_goodbye_loses_its_socket(broker: _Pika) -> None:
    """close() does not wait for ever."""
    broker.does["close"] = "hangs"
    probe = probes.rabbitmq(URL)
    probe()
    probe.close()
    assert broker.made[0].is_closed


def test_pika_parameters_are_copied(broker: _Pika) -> None:
    """The app's stay as they are."""
    parameters = Calls("pika.connection")
    parameters.host, parameters.port, parameters.heartbeat = "mq", 5672, 60  # type: ignore[attr-defined]
    parameters.credentials = SimpleNamespace(password="hunter2")  # type: ignore[attr-defined]
    probe = probes.rabbitmq(parameters)
    result: Any = probe()
    assert result.data == {"target": "rabbitmq mq:5672"}
    assert parameters.heartbeat == 60  # type: ignore[attr-defined]
    assert probe._connector.secrets == ("hunter2",)
    probe.close()


def test_a_descriptor_that_is_no_socket_is_passed_over(broker: _Pika) -> None:
    """A loop has a pipe to wake itself."""
    from pepperpy_otel.health.probes.pika_driver import _loop_class

    with open("/dev/null") as other:
        loop = _loop_class(None)()
        loop.add_handler(other.fileno(), None, 1)
        loop.add_handler(12345, None, 1)
        loop.remove_handler(12345)
        loop.shut_down()
        assert loop.watched == {other.fileno()}


def _aio_pika(monkeypatch: pytest.MonkeyPatch, connection: Calls) -> None:
    module(monkeypatch, "aio_pika", connect=lambda url: Slowly(connection))


def _run(probe: Any) -> Any:
    async def main() -> Any:
        result = await probe()
        await probe.aclose()
        return result

    return asyncio.run(main())


def test_aio_pika_opens_a_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a connection of its own, closed at the end."""
    channel = Calls(close=Slowly())
    connection = Calls(channel=Slowly(channel), close=Slowly())
    _aio_pika(monkeypatch, connection)
    result = _run(probes.rabbitmq(URL, driver="aio_pika"))
    assert result.data == {"target": "rabbitmq mq:5672"}
    assert connection.names == ["channel", "close"]
    assert channel.names == ["close"]


def test_a_connection_of_aio_pika_is_asked_and_kept() -> None:
    """One that is closed says so."""
    connection = Calls("aio_pika.connection", channel=Slowly(Calls(close=Slowly())), close=Slowly())
    connection.is_closed = False  # type: ignore[attr-defined]
    assert _run(probes.rabbitmq(connection)).status is HealthStatus.HEALTHY
    connection.is_closed = True  # type: ignore[attr-defined]
    assert _run(probes.rabbitmq(connection)).reason.endswith("the connection is closed")
    assert connection.names == ["channel"]


def test_the_driver_that_is_installed_is_taken(
    monkeypatch: pytest.MonkeyPatch, broker: _Pika
) -> None:
    """Pika first."""
    _aio_pika(monkeypatch, Calls())
    found = {"pika", "aio_pika"}
    monkeypatch.setattr("pepperpy_otel.health.probes.amqp.has", lambda name: name in found)
    assert type(probes.rabbitmq(URL)).__name__ == "Blocking"
    found.remove("pika")
    assert type(probes.rabbitmq(URL)).__name__ == "Awaiting"


def test_what_cannot_be_used_is_refused(monkeypatch: pytest.MonkeyPatch, broker: _Pika) -> None:
    """A URL without repeating it, a pika connection (of another thread), no driver."""
    with pytest.raises(ValueError, match="cannot read this URL") as error:
        probes.rabbitmq("amqp://app:other@mq:port/")
    assert "other" not in str(error.value)
    for thing in (Calls("pika.adapters"), Calls("aio_pika.robust"), 5):
        with pytest.raises(ValueError, match="belongs to the thread"):
            probes.rabbitmq(thing)
    with pytest.raises(ValueError, match="driver='x'"):
        probes.rabbitmq(URL, driver="x")
    missing(monkeypatch, "aio_pika")
    with pytest.raises(ValueError, match="pip install 'aio-pika'"):
        probes.rabbitmq(URL, driver="aio_pika")
