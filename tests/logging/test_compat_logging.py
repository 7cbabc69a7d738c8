"""The private names of the logs signal are where _compat.py expects them."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

from opentelemetry import context
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.instrumentation.utils import is_instrumentation_enabled, suppress_instrumentation
from opentelemetry.sdk import _logs as sdk_logs
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from pepperpy_otel import _compat
from pepperpy_otel.logging.provider import LoggerProvider
from tests.logging.conftest import Collector

if TYPE_CHECKING:
    from collections.abc import Callable


def test_each_suppression_key_is_one_that_upstream_looks_at() -> None:
    """Setting any of ours suppresses instrumentation, and suppressing sets all of ours."""
    for key in _compat.suppression_keys():
        token = context.attach(context.set_value(key, True))
        try:
            assert not is_instrumentation_enabled()
        finally:
            context.detach(token)
    with suppress_instrumentation():
        assert all(context.get_value(key) for key in _compat.suppression_keys())


def test_a_logger_of_the_sdk_can_be_made_from_its_arguments() -> None:
    """A subclass of the SDK's Logger gets everything from the provider."""
    provider = sdk_logs.LoggerProvider(resource=Resource({"a": 1}), shutdown_on_exit=False)
    collector = Collector()
    provider.add_log_record_processor(collector)
    logger = sdk_logs.Logger(
        **_compat.sdk_logger_arguments(provider, InstrumentationScope("scope"))
    )
    logger.emit(body="x")
    assert collector.bodies == ["x"]
    assert _compat.logger_is_enabled(logger)


def test_the_logger_configurator_of_the_sdk_reaches_our_loggers(
    provider: LoggerProvider, collector: Collector
) -> None:
    """What switches scopes off in the SDK does so here, for loggers handed out before too."""
    logger: Any = provider.get_logger("noisy")
    enabled = type(logger._logger_config)
    provider._set_logger_configurator(
        logger_configurator=lambda scope: enabled(is_enabled=scope.name != "noisy")
    )
    logger.emit(body="lost")
    provider.get_logger("quiet").emit(body="kept")
    assert collector.bodies == ["kept"]
    assert not logger.enabled()
    assert not _compat.logger_is_enabled(logger)


def test_log_records_are_counted_when_the_sdk_counts() -> None:
    """``otel.sdk.log.created`` is what it is with the SDK's own loggers."""
    counted: list[int] = []

    class Metrics:
        def emit_log(self) -> None:
            counted.append(1)

    provider = LoggerProvider()
    logger = provider.get_logger("app")
    provider.arm(resource=Resource({}), processors=[Collector()])
    provider._logger_metrics = Metrics()
    logger.emit(body="x")
    assert counted == [1]


def test_clean_values_are_put_into_the_attributes_of_the_sdk() -> None:
    """They read as if they had been set one by one, and others can be set afterwards."""
    bounded = BoundedAttributes(maxlen=5, immutable=False)
    _compat.fill_attributes(bounded, {"a": 1, "b": (2,)}, 3)
    bounded["c"] = [4]
    assert dict(bounded) == {"a": 1, "b": (2,), "c": (4,)}
    assert bounded.dropped == 3


def test_a_fork_leaves_the_resource_alone_and_renews_the_locks(
    run_python: Callable[..., Any],
) -> None:
    """The user's service.instance.id survives a fork, and no lock of the parent is waited for."""
    if not hasattr(os, "fork"):
        return
    done = run_python(
        """
        import os
        from opentelemetry.sdk.resources import Resource
        from pepperpy_otel.logging.provider import LoggerProvider

        provider = LoggerProvider()
        provider.arm(resource=Resource({"service.instance.id": "pod-1"}))
        provider._active_loggers_lock.acquire()
        child = os.fork()
        if child == 0:
            provider.get_logger("made in the child")
            os._exit(provider.resource.attributes["service.instance.id"] != "pod-1")
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        """
    )
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_the_fork_hook_is_the_one_that_the_sdk_registers() -> None:
    """The SDK binds ``_handle_fork`` when a provider is made; ours is in its place."""
    assert "_handle_fork" in vars(sdk_logs.LoggerProvider)
    provider: Any = LoggerProvider()
    before = provider._logger_cache_lock, provider._active_loggers_lock
    assert all(isinstance(lock, type(threading.Lock())) for lock in before)
    provider._handle_fork()
    assert provider._logger_cache_lock is not before[0]
    assert provider._active_loggers_lock is not before[1]
