"""Samplers and id generators, made from what the settings say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    DEFAULT_OFF,
    DEFAULT_ON,
    ParentBasedTraceIdRatio,
    Sampler,
    TraceIdRatioBased,
)

from pepperpy_otel.errors import ConfigurationError, Problems

if TYPE_CHECKING:
    from collections.abc import Callable


SAMPLER_GROUP = "opentelemetry_traces_sampler"
ID_GENERATOR_GROUP = "opentelemetry_id_generator"

_FIXED: dict[str, Sampler] = {
    "always_on": ALWAYS_ON,
    "always_off": ALWAYS_OFF,
    "parentbased_always_on": DEFAULT_ON,
    "parentbased_always_off": DEFAULT_OFF,
}
_RATIOS: dict[str, Callable[[float], Sampler]] = {
    "traceidratio": TraceIdRatioBased,
    "parentbased_traceidratio": ParentBasedTraceIdRatio,
}
_NAMES = ", ".join((*_FIXED, *_RATIOS))


def build_sampler(
    value: object,
    argument: str | None = None,
    problems: Problems | None = None,
    *,
    setting: str = "sampler",
    source: str = "argument",
    argument_setting: str = "OTEL_TRACES_SAMPLER_ARG",
    argument_source: str = "environment",
) -> Sampler:
    """The sampler that a setting means.

    Args:
        value: A sampler, a ratio from 0 to 1 (of the traces that begin here), one of the
            specification's names, or an entry point of ``opentelemetry_traces_sampler``, which is
            called with ``argument``; ``None`` for the default.
        argument: The text of ``OTEL_TRACES_SAMPLER_ARG``.
        problems: Takes what is wrong; the default sampler is used then.
        setting: What the user calls the setting, for messages.
        source: Where its value came from.
        argument_setting: What the user calls the argument.
        argument_source: Where that came from.

    Returns:
        A sampler in any case; parentbased_always_on where the setting cannot be used.
    """
    found = _Choice(problems or Problems(), setting, source)
    if value is None:
        return DEFAULT_ON
    if isinstance(value, Sampler):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _ratio(ParentBasedTraceIdRatio, value, found)
    if not isinstance(value, str):
        found.reject(value, "is not a sampler", f"pass a sampler, a ratio, or one of {_NAMES}")
        return DEFAULT_ON
    name = value.strip().lower()
    if name in _FIXED:
        return _FIXED[name]
    if name in _RATIOS:
        return _ratio(
            _RATIOS[name],
            1.0 if argument is None or not argument.strip() else argument,
            _Choice(found.problems, argument_setting, argument_source),
        )
    return _from_entry_point(value.strip(), argument, found)


def build_id_generator(
    value: object,
    problems: Problems | None = None,
    *,
    setting: str = "id_generator",
    source: str = "argument",
) -> IdGenerator:
    """The id generator that a setting means.

    Args:
        value: An id generator, or an entry point of ``opentelemetry_id_generator``; ``None`` and
            ``"random"`` for the SDK's.
        problems: Takes what is wrong; random ids are used then.
        setting: What the user calls the setting, for messages.
        source: Where its value came from.
    """
    found = _Choice(problems or Problems(), setting, source)
    if isinstance(value, IdGenerator):
        return value
    if value is None or value == "random":
        return RandomIdGenerator()
    made = None
    if isinstance(value, str):
        made = found.load(
            ID_GENERATOR_GROUP,
            value.strip(),
            "an id generator",
            lambda kind: _only(IdGenerator, kind()),
            known="random",
        )
    else:
        found.reject(value, "is not an id generator", "pass an IdGenerator or the name of one")
    return RandomIdGenerator() if made is None else made


def _ratio(make: Callable[[float], Sampler], value: object, found: _Choice) -> Sampler:
    try:
        return make(float(value))  # type: ignore[arg-type]
    except (ValueError, OverflowError):
        found.reject(value, "is not a ratio", "use a number from 0 to 1; 1.0 is used now")
        return make(1.0)


def _from_entry_point(name: str, argument: str | None, found: _Choice) -> Sampler:
    made = found.load(
        SAMPLER_GROUP,
        name,
        "a sampler",
        lambda factory: _only(Sampler, factory(argument)),
        known=_NAMES,
    )
    return DEFAULT_ON if made is None else made


class _Choice:
    """One setting whose value is being turned into an object."""

    def __init__(self, problems: Problems, setting: str, source: str) -> None:
        self.problems = problems
        self._setting = setting
        self._source = source

    def reject(self, value: object, problem: str, fix: str) -> None:
        self.problems.add(ConfigurationError(self._setting, value, self._source, problem, fix))

    def load(
        self, group: str, name: str, what: str, make: Callable[[Any], Any], *, known: str
    ) -> Any:
        """What ``make`` makes of the entry point, or ``None`` if it is refused.

        Args:
            group: The group of entry points.
            name: The one that the user named.
            what: What it should be, in words.
            make: Makes the object of what is loaded; returns ``None`` for the wrong kind.
            known: What could be named instead.
        """
        from importlib.metadata import entry_points

        fix = f"use one of {known}" if known else "leave it out"
        for entry_point in entry_points(group=group, name=name):
            try:
                made = make(entry_point.load())
            except Exception as error:
                reason = f"{type(error).__name__}: {error}"
                self.reject(name, f"cannot be loaded ({reason})", fix)
                return None
            if made is None:
                self.reject(name, f"does not give {what}", fix)
            return made
        self.reject(name, f"is not {what} that is installed", fix)
        return None


def _only(kind: type, made: Any) -> Any:
    return made if isinstance(made, kind) else None
