"""Who flushes and shuts down when the app asks one of our global providers to."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from pepperpy_otel.errors import report_internal

if TYPE_CHECKING:
    from collections.abc import Callable

    Owner = Callable[[str, float], bool]


class Asking(threading.local):
    """Whether this thread is asking an owner: what that calls here is not passed on again."""

    busy = False

    def ask(
        self,
        owner: Owner | None,
        what: str,
        timeout_millis: float,
        without: Callable[[], Any],
        where: str,
    ) -> bool:
        """Have the owner do it, or do it here; never raises.

        Args:
            owner: Called with ``what`` and milliseconds; ``None`` if there is none.
            what: ``"flush"`` or ``"shutdown"``.
            timeout_millis: Milliseconds that it may take.
            without: What is done where there is no owner, or the owner itself asks.
            where: Names the provider, should the owner raise.

        Returns:
            Whether it was done; ``without`` may say ``False``.
        """
        if owner is None or self.busy:
            return without() is not False
        self.busy = True
        try:
            return bool(owner(what, timeout_millis))
        except Exception as error:
            report_internal(f"{where}.{what}", error)
            return False
        finally:
            self.busy = False
