"""Settings that would stop a program before ``configure()`` is reached, made harmless.

Everything else that is wrong is named by configure() in the program itself. These few are read by
OpenTelemetry while it is imported: a name that is not installed in ``OTEL_PROPAGATORS`` ends
``opentelemetry-instrument``, and everything that imports ``opentelemetry.propagate``; one in
``OTEL_PYTHON_CONTEXT`` is a traceback; one in ``OTEL_PYTHON_DISTRO`` or
``OTEL_PYTHON_CONFIGURATOR`` is no telemetry at all, without a word. So the launcher names them, and
the program never sees them.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from pepperpy_otel.errors import ConfigurationError, Problems

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from importlib.metadata import EntryPoint

PROPAGATORS = "OTEL_PROPAGATORS"
GEVENT = "OTEL_PYTHON_AUTO_INSTRUMENTATION_EXPERIMENTAL_GEVENT_PATCH"
#: Variables that name one entry point each, and its group.
NAMES = {
    "OTEL_PYTHON_CONTEXT": "opentelemetry_context",
    "OTEL_PYTHON_DISTRO": "opentelemetry_distro",
    "OTEL_PYTHON_CONFIGURATOR": "opentelemetry_configurator",
}


def repair(environ: MutableMapping[str, str], problems: Problems) -> None:
    """Take out of the environment what would stop the program.

    Args:
        environ: The environment of the program; it is changed.
        problems: Takes note of each thing that was taken out.

    Raises:
        ConfigurationError: The first of them, when ``problems`` is strict.
    """
    _repair_propagators(environ, problems)
    for variable, group in NAMES.items():
        name = environ.get(variable)
        if name and name not in (known := _entry_points(group)):
            environ.pop(variable)
            problems.add(_error(variable, name, "is not installed", known))
    if environ.get(GEVENT) == "patch_all" and importlib.util.find_spec("gevent") is None:
        environ.pop(GEVENT)
        problems.add(
            ConfigurationError(
                GEVENT,
                "patch_all",
                "environment",
                "needs gevent, which is not installed",
                "install it or unset the variable",
            )
        )


def _repair_propagators(environ: MutableMapping[str, str], problems: Problems) -> None:
    value = environ.pop(PROPAGATORS, None)  # what is loaded below may import the module that dies
    if not value:
        return
    names = [name.strip() for name in value.split(",")]
    if any(name.lower() == "none" for name in names):
        environ[PROPAGATORS] = "none"
        return
    known = _entry_points("opentelemetry_propagator")
    good = []
    for name in names:
        if name not in known:
            problem = f"names {name!r}, which is not installed" if name else "has an empty name"
            problems.add(_error(PROPAGATORS, value, problem, known))
        elif (failure := _load(known[name])) is not None:
            problem = f"names {name!r}, which cannot be loaded ({failure})"
            problems.add(_error(PROPAGATORS, value, problem, known))
        else:
            good.append(name)
    if good:
        environ[PROPAGATORS] = ",".join(good)


def _load(point: EntryPoint) -> str | None:
    """Why an entry point cannot be used, or ``None``."""
    try:
        point.load()()
    except Exception as error:  # whatever the code of others does
        return f"{type(error).__name__}: {error}"
    return None


def _entry_points(group: str) -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=group)}


def _error(
    variable: str, value: str, problem: str, known: dict[str, EntryPoint]
) -> ConfigurationError:
    fix = f"use {' or '.join(sorted(known))}" if len(known) == 1 else f"use any of {_list(known)}"
    return ConfigurationError(variable, value, "environment", problem, fix)


def _list(known: dict[str, EntryPoint]) -> str:
    return ", ".join(sorted(known))
