"""One row of the table of settings: data, from which all else follows.

A parser is named, not imported, so that a start-up without settings loads none at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pepperpy_otel._settings_values import Value

if TYPE_CHECKING:
    from collections.abc import Mapping

SIGNALS = ("traces", "metrics", "logs")


class Row(Value):
    """One setting.

    Attributes:
        name: Of the ``configure()`` argument where there is one, and of the key in
            ``[tool.pepperpy_otel]``.
        variable: The environment variable.
        parser: ``module.function`` below ``pepperpy_otel._settings_``; gets a ``Given``.
        default: The value of a setting that nobody set, in the unit that the user writes.
        doc: One line for the documentation, unit included.
        options: Keyword arguments for the parser.
        argument: Whether ``configure()`` takes it.
        secret: Whether its value, or a part of it, must never be shown.
        merged: Whether sources add up instead of the first one winning.
    """

    name: str
    variable: str
    parser: str
    default: Any
    doc: str
    options: Mapping[str, Any]
    argument: bool = False
    secret: bool = False
    merged: bool = False


def argument(
    name: str,
    parser: str,
    default: Any,
    doc: str,
    *,
    variable: str = "",
    merged: bool = False,
    **options: Any,
) -> Row:
    """An argument of configure(); without a variable of the specification it has one of ours."""
    return Row(
        name=name,
        variable=variable or f"PEPPERPY_OTEL_{name.upper()}",
        parser=parser,
        default=default,
        doc=doc,
        options=options,
        argument=True,
        merged=merged,
    )


def variable(
    variable: str,
    name: str,
    parser: str,
    default: Any,
    doc: str,
    *,
    secret: bool = False,
    **options: Any,
) -> Row:
    """A setting that is no argument of configure()."""
    return Row(
        name=name,
        variable=variable,
        parser=parser,
        default=default,
        doc=doc,
        options=options,
        secret=secret,
    )
