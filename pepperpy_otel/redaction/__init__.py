"""What must not leave does not leave: secrets are taken out of telemetry before it is queued.

Off unless ``configure(redact=…)`` asks for it; docs/redaction.md says what it finds and what it
cannot find. Importing this package loads none of the detectors.

    from pepperpy_otel.redaction import Redactor
    Redactor(["default", "email"]).text("mail bob@example.com")   # 'mail [redacted:email]'
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pepperpy_otel.redaction.redactor import Redactor

__all__ = ["Redactor"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.redactor"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
