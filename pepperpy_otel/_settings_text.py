"""Values of settings as text that may be shown: in the documentation, and by the doctor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pepperpy_otel._settings_values import MASK, masked_url

if TYPE_CHECKING:
    from pepperpy_otel._settings_row import Row


def shown(row: Row, value: Any) -> str:
    """The value in one line, secrets masked; ``unset`` for none."""
    if value is None or value in ((), {}):
        return "unset"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return ",".join(f"{key}={MASK if row.secret else item}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return ",".join(map(_item, value))
    if not row.secret:
        return _item(value)
    return MASK if row.parser == "scalars.text" else masked_url(_item(value))


def _item(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, (str, int)):
        return str(value)
    return f"<{type(value).__name__}>"
