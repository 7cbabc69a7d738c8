"""A setting becomes a sampler or an id generator, or one line that says why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    DEFAULT_OFF,
    DEFAULT_ON,
    ParentBased,
    ParentBasedTraceIdRatio,
    TraceIdRatioBased,
)

from pepperpy_otel.errors import ConfigurationError, Problems
from pepperpy_otel.tracing.samplers import (
    build_id_generator,
    build_sampler,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    Install = Callable[[str, str, str], None]


@pytest.fixture
def problems() -> Problems:
    """What is wrong with the settings."""
    return Problems()


def _texts(problems: Problems) -> list[str]:
    return [str(error) for error in problems.errors]


@pytest.mark.parametrize(
    ("value", "sampler"),
    [
        (None, DEFAULT_ON),
        ("always_on", ALWAYS_ON),
        ("always_off", ALWAYS_OFF),
        ("parentbased_always_on", DEFAULT_ON),
        ("parentbased_always_off", DEFAULT_OFF),
        (" Always_On ", ALWAYS_ON),
        (ALWAYS_OFF, ALWAYS_OFF),
    ],
    ids=str,
)
def test_names_and_objects(value: object, sampler: object, problems: Problems) -> None:
    """Those of the specification, and the user's own; an argument does not matter to them."""
    assert build_sampler(value, "0.1", problems) is sampler
    assert problems.errors == []


@pytest.mark.parametrize(
    ("value", "argument", "kind", "rate"),
    [
        ("traceidratio", "0.25", TraceIdRatioBased, 0.25),
        ("parentbased_traceidratio", "0.25", ParentBasedTraceIdRatio, 0.25),
        ("traceidratio", None, TraceIdRatioBased, 1.0),
        ("traceidratio", " ", TraceIdRatioBased, 1.0),
        (0.25, None, ParentBased, 0.25),
        (0, None, ParentBased, 0.0),
        (1, None, ParentBased, 1.0),
    ],
)
def test_ratios(
    value: object, argument: str | None, kind: type, rate: float, problems: Problems
) -> None:
    """By name with an argument, or as a number; of the traces that begin here."""
    sampler = build_sampler(value, argument, problems)
    assert isinstance(sampler, kind)
    assert f"TraceIdRatioBased{{{rate}}}" in sampler.get_description()
    assert problems.errors == []


@pytest.mark.parametrize(
    ("value", "argument", "line"),
    [
        ("nonsense", None, "sampler='nonsense' (argument) is not a sampler that is installed; "),
        ("0.5", None, "sampler='0.5' (argument) is not a sampler that is installed; "),
        (True, None, "sampler=True (argument) is not a sampler; pass a sampler, a ratio, or one"),
        (ParentBased, None, "(argument) is not a sampler; pass a sampler, a ratio, or one of "),
        (1.5, None, "sampler=1.5 (argument) is not a ratio; use a number from 0 to 1; 1.0 is used"),
        (float("nan"), None, "sampler=nan (argument) is not a ratio; "),
        ("traceidratio", "half", "OTEL_TRACES_SAMPLER_ARG='half' (environment) is not a ratio; "),
        ("traceidratio", "-1", "OTEL_TRACES_SAMPLER_ARG='-1' (environment) is not a ratio; "),
    ],
)
def test_bad_settings_are_one_line(
    value: object, argument: str | None, line: str, problems: Problems
) -> None:
    """Named as the user named them, and everything is sampled as by default."""
    sampler = build_sampler(value, argument, problems)
    assert sampler.get_description()
    (text,) = _texts(problems)
    assert line in text


def test_strict_raises(problems: Problems) -> None:
    """The same words as an exception."""
    with pytest.raises(ConfigurationError, match="OTEL_TRACES_SAMPLER='x'"):
        build_sampler(
            "x",
            None,
            Problems(strict=True),
            setting="OTEL_TRACES_SAMPLER",
            source="environment",
        )


SAMPLERS = """
    from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, TraceIdRatioBased

    def ratio(argument):
        return TraceIdRatioBased(float(argument))

    def none(argument):
        return None
"""
POINTS = """
    [opentelemetry_traces_sampler]
    Theirs = their_samplers:ratio
    gives_nothing = their_samplers:none
    missing = their_samplers:missing
"""


def test_samplers_of_others(installed: Install, problems: Problems) -> None:
    """An entry point is called with the text of the argument, as upstream does it."""
    installed("their_samplers", SAMPLERS, POINTS)
    sampler = build_sampler("Theirs", "0.125", problems)
    assert sampler.get_description() == "TraceIdRatioBased{0.125}"
    assert problems.errors == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Theirs", "cannot be loaded (ValueError: could not convert string to float: 'x')"),
        ("gives_nothing", "does not give a sampler"),
        ("missing", "cannot be loaded (AttributeError: "),
    ],
)
def test_samplers_of_others_that_fail(
    name: str, words: str, installed: Install, problems: Problems
) -> None:
    """One line, and the default."""
    installed("their_samplers", SAMPLERS, POINTS)
    assert build_sampler(name, "x", problems) is DEFAULT_ON
    (text,) = _texts(problems)
    assert words in text


def test_problems_are_optional() -> None:
    """Whoever passes none wants the default."""
    assert build_sampler("nonsense") is DEFAULT_ON
    assert isinstance(build_id_generator("nonsense"), RandomIdGenerator)


GENERATORS = """
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

    class Theirs(RandomIdGenerator): ...

    class Not: ...
"""
GENERATOR_POINTS = """
    [opentelemetry_id_generator]
    theirs = their_generators:Theirs
    not = their_generators:Not
"""


def test_id_generators(installed: Install, problems: Problems) -> None:
    """An object, the SDK's by name, or an entry point."""
    mine = RandomIdGenerator()
    assert build_id_generator(mine, problems) is mine
    for value in (None, "random"):
        assert type(build_id_generator(value, problems)) is RandomIdGenerator
    installed("their_generators", GENERATORS, GENERATOR_POINTS)
    assert type(build_id_generator("theirs", problems)).__name__ == "Theirs"
    assert problems.errors == []


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("nonsense", "id_generator='nonsense' (argument) is not an id generator that is installed"),
        ("not", "does not give an id generator"),
        (5, "id_generator=5 (argument) is not an id generator; pass an IdGenerator or the name"),
    ],
)
def test_bad_id_generators_are_one_line(
    value: object, words: str, installed: Install, problems: Problems
) -> None:
    """Random ids are used then."""
    installed("their_generators", GENERATORS, GENERATOR_POINTS)
    assert type(build_id_generator(value, problems)) is RandomIdGenerator
    (text,) = _texts(problems)
    assert words in text
