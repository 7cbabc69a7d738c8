"""Two frameworks whose instrumentation needs a hand.

Django's reads the settings when it starts, and where they are not there yet it *configures empty
ones*, which breaks the app. Most projects name their settings after the first ``import django``
(``wsgi.py`` and ``asgi.py`` do). So it runs when Django itself has read them: after the first
``django.setup()``.

Starlette's has no argument for the ASGI events that are not to become spans; its middleware has.
"""

from __future__ import annotations

import functools
import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def after_django_setup(run: Callable[[], None]) -> Callable[[], None]:
    """Run once Django has its settings; now, if it has.

    Args:
        run: Does nothing when it is called again.

    Returns:
        Takes ``django.setup`` back.
    """
    django: Any = sys.modules["django"]
    settings: Any = importlib.import_module("django.conf").settings
    if settings.configured:
        run()
        return lambda: None
    original = django.setup

    @functools.wraps(original)
    def setup(*args: Any, **kwargs: Any) -> None:
        original(*args, **kwargs)
        run()

    django.setup = setup

    def undo() -> None:
        if django.setup is setup:
            django.setup = original

    return undo


def quiet_starlette(instrumentor: Any, exclude_spans: Sequence[str]) -> Callable[[], None]:
    """Have Starlette's instrumentation exclude ASGI events from becoming spans.

    Args:
        instrumentor: The instrumentor, not yet at work.
        exclude_spans: ``receive``, ``send``.

    Returns:
        Takes it back.
    """
    module: Any = sys.modules[type(instrumentor).__module__]
    original = getattr(module, "OpenTelemetryMiddleware", None)
    if original is None or not exclude_spans:
        return lambda: None

    class QuietMiddleware(original):  # type: ignore[misc, valid-type]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.setdefault("exclude_spans", list(exclude_spans))
            super().__init__(*args, **kwargs)

    module.OpenTelemetryMiddleware = QuietMiddleware

    def undo() -> None:
        module.OpenTelemetryMiddleware = original

    return undo
