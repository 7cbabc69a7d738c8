"""Parsers of names: what is built in is known by heart, all else must be an installed entry point.

The entry points of an environment are only looked up for a name that is not built in: a scan costs
milliseconds, and most start-ups need none.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pepperpy_otel._settings_given import (
    Given,
    Rejected,
    can,
    nearest,
    one_line,
    one_of,
    quoted,
)
from pepperpy_otel._settings_scalars import number, text, word
from pepperpy_otel.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pepperpy_otel._settings_reading import Reading
    from pepperpy_otel._settings_values import Source

#: Exporters that need no entry point, by signal.
_OTLP_EXPORTERS = ("otlp", "otlp_proto_http", "otlp_proto_grpc", "otlp-file", "console")
EXPORTERS = {
    "traces": _OTLP_EXPORTERS,
    "metrics": (*_OTLP_EXPORTERS, "prometheus"),
    "logs": _OTLP_EXPORTERS,
}
RATIO_SAMPLERS = ("traceidratio", "parentbased_traceidratio")
SAMPLERS = (
    "always_on",
    "always_off",
    "parentbased_always_on",
    "parentbased_always_off",
    *RATIO_SAMPLERS,
)
_SET_SAMPLER = "set OTEL_TRACES_SAMPLER, for example to 'parentbased_traceidratio'"
PROPAGATORS = ("tracecontext", "baggage", "correlation")
DETECTORS = ("otel", "os", "process", "host", "service_instance", "*")


def installed(group: str) -> list[str]:
    """Names of the installed entry points of a group, sorted."""
    from importlib.metadata import entry_points

    return sorted({entry_point.name for entry_point in entry_points(group=group)})


def words(given: Given) -> tuple[str, ...]:
    """Names: separated by commas, or a list; each once, in the order given."""
    raw = given.raw
    if isinstance(raw, str):
        found: list[Any] = raw.split(",")
    elif isinstance(raw, (list, tuple)):
        found = list(raw)
    elif isinstance(raw, (set, frozenset)) and all(isinstance(name, str) for name in raw):
        found = sorted(raw)  # a set has no order, and two runs should do the same
    else:
        found = [None]
    if not all(isinstance(name, str) for name in found):
        raise given.reject("is not a list of names", "write names separated by commas, or a list")
    names = tuple(dict.fromkeys(name.strip() for name in found if name.strip()))
    if isinstance(raw, str) and not names:
        raise given.reject("is empty", "write names separated by commas, or leave it out")
    return names


def _known(
    given: Given,
    names: Iterable[str],
    what: str,
    built_in: tuple[str, ...],
    group: str,
) -> tuple[str, ...]:
    """Those of the names that exist; a complaint for each that does not.

    Raises:
        Rejected: Not one does, although some were given.
    """
    names = tuple(names)
    found: list[str] = []
    for name in names:
        if name.lower() in built_in:
            found.append(name.lower())
        elif name in (others := installed(group)):
            found.append(name)
        else:
            alone = isinstance(given.raw, str) and len(names) == 1
            problem = f"is not {what}" if alone else f"names {quoted(name)}, which is not {what}"
            given.complain(problem, _fix(name, (*built_in, *others)))
    if names and not found:
        raise Rejected
    return tuple(dict.fromkeys(found))


def _fix(name: str, choices: Iterable[str]) -> str:
    choices = sorted(set(choices))
    if not choices:
        return "none is installed: install one or leave it out"
    meant = nearest(name, choices)
    return f"did you mean {meant!r}?" if meant else f"use {one_of(choices)}"


def exporters(given: Given, *, signal: str) -> tuple[str, ...]:
    """Exporters of a signal; ``True`` is the default, ``False`` and ``none`` are none."""
    if isinstance(given.raw, bool):
        return ("otlp",) if given.raw else ()
    names = words(given)
    if [name.lower() for name in names] == ["none"]:
        return ()
    _no_mixture(given, names, "exporters")
    return _known(
        given,
        names,
        f"an installed exporter of {signal}",
        EXPORTERS[signal],
        f"opentelemetry_{signal}_exporter",
    )


def propagators(given: Given) -> tuple[str, ...]:
    """Propagators, in order; ``none`` is none."""
    names = words(given)
    if [name.lower() for name in names] == ["none"]:
        return ()
    _no_mixture(given, names, "propagators")
    return _known(given, names, "an installed propagator", PROPAGATORS, "opentelemetry_propagator")


def _no_mixture(given: Given, names: tuple[str, ...], what: str) -> None:
    if "none" in {name.lower() for name in names}:
        raise given.reject(f"mixes 'none' with other {what}", "use 'none' alone or leave it out")


def detectors(given: Given) -> tuple[str, ...]:
    """Resource detectors, in order."""
    return _known(
        given,
        words(given),
        "an installed resource detector",
        DETECTORS,
        "opentelemetry_resource_detector",
    )


def instrument(given: Given) -> bool | tuple[str, ...]:
    """All, none, or some of the installed instrumentations."""
    if isinstance(given.raw, bool):
        return given.raw
    if given.from_environment and (value := word(given.raw)) is not None:
        return value
    names = words(given)
    if [name.lower() for name in names] == ["none"]:
        return False
    return _known(given, names, "an installed instrumentation", (), "opentelemetry_instrumentor")


def patterns(given: Given) -> tuple[str, ...]:
    """Regular expressions, separated by commas as the instrumentations do it."""
    found = []
    for pattern in words(given):
        try:
            re.compile(pattern)
        except re.error as error:
            given.complain(
                f"holds {quoted(pattern)}, which is no regular expression ({one_line(error)})",
                "escape special characters with a backslash",
            )
        else:
            found.append(pattern)
    return tuple(found)


def sampler(given: Given) -> object:
    """A sampler, its name in lower case where it is built in, or a ratio."""
    if isinstance(given.raw, str):
        return _one(given, "an installed sampler", SAMPLERS, "opentelemetry_traces_sampler")
    value = number(given)
    if value is not None:
        if 0 <= value <= 1:
            return value
        raise given.reject("is not a ratio", "use a number from 0 to 1")
    return _object(given, "a sampler", ("should_sample", "get_description"))


def sampler_arg(given: Given) -> str:
    """Text for the sampler; in pyproject also a number."""
    return text(given) if number(given) is None else str(given.raw).strip()


def id_generator(given: Given) -> object:
    """An id generator, or the name of one; the built-in ``random`` is ``None``."""
    if isinstance(given.raw, str):
        group = "opentelemetry_id_generator"
        name = _one(given, "an installed id generator", ("random",), group)
        return None if name == "random" else name
    return _object(given, "an id generator", ("generate_trace_id", "generate_span_id"))


def entry_point(given: Given, *, group: str, what: str) -> str:
    """The name of one entry point of a group that has no built-in members."""
    return _one(given, f"an installed {what}", (), group)


def _one(given: Given, what: str, built_in: tuple[str, ...], group: str) -> str:
    return _known(given, (text(given),), what, built_in, group)[0]


def _object(given: Given, what: str, methods: tuple[str, ...]) -> object:
    if given.source.kind != "argument":
        raise given.reject(f"is not the name of {what}", "write its name as a string")
    if isinstance(given.raw, type):
        raise given.reject("is a class", f"pass {what}, made of it, or the name of one")
    if not can(given.raw, methods):
        raise given.reject(f"is not {what}", f"pass {what} or the name of one")
    return given.raw


def checked_sampler_arg(reading: Reading, sampler: object, argument: str) -> str | None:
    """The sampler's argument, unless the sampler that is set can make nothing of it."""
    source = reading.sources["sampler_arg"]
    if sampler is None:
        if "sampler" not in reading.rejected:  # that line says enough
            _add(reading, argument, source, "has no effect without a sampler", _SET_SAMPLER)
        return None
    if sampler not in RATIO_SAMPLERS:
        return argument
    value = number(Given("sampler_arg", argument, source, reading.problems))
    if value is None or not 0 <= value <= 1:
        what = "is not a number" if value is None else "is not a ratio"
        _add(reading, argument, source, what, "use a number from 0 to 1")
        return None
    return argument


def _add(reading: Reading, value: str, source: Source, problem: str, fix: str) -> None:
    reading.problems.add(ConfigurationError(source.name, value, source.kind, problem, fix))
