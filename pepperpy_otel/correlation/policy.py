"""What the settings say about correlation: one value, exchanged by configure() and rollback().

Propagators are made by OpenTelemetry, without arguments and perhaps before ``configure()``, so
they ask here each time. A policy is never changed, only replaced: no lock, nothing to break when a
fork or another thread comes in between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pepperpy_otel._settings_values import Value

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_otel.correlation.hosts import Hosts

#: Where an id is looked for in a request, in this order; the first is also the one that is sent.
HEADERS = ("x-correlation-id", "x-request-id")


class Policy(Value):
    """How ids are taken, made and sent.

    Attributes:
        mode: ``accept`` takes an id from outside, ``make`` makes one where there is none,
            ``replace`` makes one always, ``off`` does neither and sends none.
        headers: Names in lower case, the one that is sent first.
        hosts: To whom baggage and id are sent; ``None`` for everybody.
        attributes: Keys of baggage that become attributes.
        begin: Makes what configures a child process as this one is; ``None`` without telemetry.
    """

    mode: str = "accept"
    headers: tuple[str, ...] = HEADERS
    hosts: Hosts | None = None
    attributes: tuple[str, ...] = ()
    begin: Callable[[], Any] | None = None


DEFAULT = Policy()
#: What holds now.
current = DEFAULT


def use(policy: Policy) -> Callable[[], None]:
    """Let a policy hold from now on.

    Returns:
        Brings back the default, unless another one holds by then.
    """
    global current
    current = policy

    def undo() -> None:
        global current
        if current is policy:
            current = DEFAULT

    return undo
