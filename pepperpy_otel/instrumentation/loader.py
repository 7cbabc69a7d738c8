"""Chooses the instrumentations and sets each to wait for its library.

As ``opentelemetry-instrument`` chooses them: all that are installed but for those in
``OTEL_PYTHON_DISABLED_INSTRUMENTATIONS``; or only those that the user names. Unlike there, none is
loaded before its library is imported: a service that uses three of thirty pays for three, and
pays when it imports them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pepperpy_otel.errors import ConfigurationError, warn
from pepperpy_otel.instrumentation import catalog, defaults
from pepperpy_otel.instrumentation.deferred import Deferred

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.metadata import EntryPoint

    from pepperpy_otel.errors import Problems
    from pepperpy_otel.instrumentation.catalog import Candidate

    Record = Callable[[str, Callable[[], None]], None]

ALL = "*"

#: What has been chosen and not undone, by the value of the entry point.
_chosen: dict[str, Deferred] = {}


def instrument(
    selection: bool | Sequence[str],
    *,
    disabled: Sequence[str] = (),
    record: Record,
    problems: Problems | None = None,
    setting: str = "instrument",
    source: str = "argument",
    excluded_urls: Sequence[str] = (),
    exclude_spans: Sequence[str] = defaults.ASGI_EVENTS,
) -> None:
    """Set every chosen instrumentation to run when its library is first imported.

    One whose library is there already runs at once. Each failure is one line, and costs neither
    the others nor the app anything. What runs already is left as it is.

    Args:
        selection: ``True`` for all that are installed, ``False`` for none, or their names.
        disabled: Names that are left out; ``*`` for all.
        record: Takes the undoing of each.
        problems: Takes names in ``selection`` that are not installed; else they are one line each.
        setting: What the user calls the setting, for messages.
        source: Where its value came from.
        excluded_urls: The user's regular expressions of URLs without spans, from wherever.
        exclude_spans: ASGI events that make no spans.
    """
    if selection is False or ALL in disabled:
        return
    found = catalog.installed()
    instrumentors = [one for one in found if one.group == catalog.INSTRUMENTORS]
    if selection is not True:
        _check(selection, instrumentors, problems, setting, source)
        instrumentors = [one for one in instrumentors if one.name in selection]
    defaults.exclude_everywhere(excluded_urls, record)
    _call_all(found, catalog.BEFORE)
    for candidate in instrumentors:
        if candidate.name not in disabled:
            _choose(candidate, {}, record, exclude_spans, checked=False)
    _call_all(found, catalog.AFTER)


def defer(
    entry_point: EntryPoint,
    *,
    record: Record,
    excluded_urls: Sequence[str] = (),
    exclude_spans: Sequence[str] = defaults.ASGI_EVENTS,
    skip_dep_check: bool = False,
    **arguments: Any,
) -> None:
    """Set one instrumentation to run when its library is first imported; once for each.

    What ``opentelemetry-instrument`` calls, through a distro, in place of
    ``entry_point.load()().instrument(**arguments)``.

    Args:
        entry_point: Of the group ``opentelemetry_instrumentor``.
        record: Takes the undoing.
        excluded_urls: The user's regular expressions of URLs without spans, from wherever.
        exclude_spans: ASGI events that make no spans.
        skip_dep_check: The library's version has been checked.
        **arguments: For its ``instrument()``, over our defaults.
    """
    defaults.exclude_everywhere(excluded_urls, record)
    candidate = catalog.candidate_of(entry_point)
    _choose(candidate, arguments, record, exclude_spans, checked=skip_dep_check)


def states() -> dict[str, str]:
    """Where each chosen instrumentation stands, in words, by its name."""
    return {deferred.name: deferred.state for deferred in list(_chosen.values())}


def _choose(
    candidate: Candidate,
    arguments: dict[str, Any],
    record: Record,
    exclude_spans: Sequence[str],
    *,
    checked: bool,
) -> None:
    if candidate.value in _chosen:
        return
    deferred = Deferred(candidate, arguments, exclude_spans=exclude_spans, checked=checked)
    _chosen[candidate.value] = deferred

    def undo() -> None:
        _chosen.pop(candidate.value, None)
        deferred.undo()

    defaults.set_variables(candidate.name, record)
    record(f"instrumentation {candidate.name}", undo)
    try:
        deferred.start()
    except Exception as error:  # broken metadata, for example
        deferred.state = f"failed: {type(error).__name__}: {error}"
        warn("instrumentation %s is left out: %s: %s", candidate.name, type(error).__name__, error)


def _check(
    selection: Sequence[str],
    instrumentors: Sequence[Candidate],
    problems: Problems | None,
    setting: str,
    source: str,
) -> None:
    names = sorted({candidate.name for candidate in instrumentors})
    for name in selection:
        if name not in names:
            fix = f"installed are: {', '.join(names) or 'none'}"
            error = ConfigurationError(
                setting, name, source, "is not an installed instrumentation", fix
            )
            if problems is None:
                warn("%s", error)
            else:
                problems.add(error)


def _call_all(found: Sequence[Candidate], group: str) -> None:
    """Run the hooks before or after, as ``opentelemetry-instrument`` does."""
    for candidate in found:
        if candidate.group == group:
            try:
                candidate.load()()
            except Exception as error:
                kind = type(error).__name__
                warn("%s hook %s failed: %s: %s", group, candidate.name, kind, error)
