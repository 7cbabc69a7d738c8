"""Policies for a test, and the context that it starts from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.context import Context, attach, detach

from pepperpy_otel.correlation import entries, policy
from pepperpy_otel.correlation.hosts import Hosts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(autouse=True)
def _own_context() -> Iterator[None]:
    """Each test starts from an empty context and under the default policy."""
    token = attach(Context())
    entries._said.clear()
    yield
    detach(token)
    assert policy.current is policy.DEFAULT


@pytest.fixture
def use_policy() -> Iterator[Callable[..., policy.Policy]]:
    """Let a policy hold for the test; ``hosts`` are patterns."""
    undo: list[Callable[[], None]] = []

    def use(*, hosts: tuple[str, ...] | None = None, **values: Any) -> policy.Policy:
        now = policy.Policy(hosts=None if hosts is None else Hosts(hosts), **values)
        undo.append(policy.use(now))
        return now

    yield use
    for take_back in undo:
        take_back()
