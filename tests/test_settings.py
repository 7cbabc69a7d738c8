"""Settings: who wins, where a value came from, and what follows from several of them."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies
from hypothesis import settings as hypothesis_settings

from pepperpy_otel._settings_table import TABLE
from pepperpy_otel.errors import ConfigurationError, Problems
from pepperpy_otel.settings import (
    BatchSettings,
    LogLimitSettings,
    Settings,
    Source,
    SpanLimitSettings,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

NOWHERE = Path("/no/such/directory")


def resolve(
    environ: Mapping[str, str] | None = None,
    *,
    toml: str | None = None,
    directory: Path = NOWHERE,
    **arguments: Any,
) -> Settings:
    """Resolve settings of which none is bad."""
    if toml is not None:
        (directory / "pyproject.toml").write_text(f"[tool.pepperpy_otel]\n{toml}\n")
    problems = Problems()
    settings = Settings.resolve(
        arguments, environ=environ or {}, directory=directory, problems=problems
    )
    assert list(map(str, problems.errors)) == []
    return settings


def source(kind: Any, name: str) -> Source:
    """A source, shorter."""
    return Source(kind=kind, name=name)


# --- precedence ---------------------------------------------------------------------------------

#: For each parser two good values as text for the environment, and what they are.
_GOOD: dict[str, list[tuple[str, Any]]] = {
    "scalars.text": [("one", "one"), ("two", "two")],
    "scalars.flag": [("no", False), ("on", True)],
    "scalars.specified_flag": [("true", True), ("FALSE", False)],
    "scalars.integer": [("7", 7), ("11", 11)],
    "scalars.port": [("0", 0), (" 65535 ", 65535)],
    "scalars.host": [("0.0.0.0", "0.0.0.0"), ("[::1]", "::1")],
    "scalars.level": [("debug", 10), ("35", 35)],
    "pairs.attributes": [("a=1", {"a": "1"}), ("a=2", {"a": "2"})],
    "pairs.headers": [("a=1", {"a": "1"}), ("A=2", {"a": "2"})],
    "names.exporters": [("console", ("console",)), ("none", ())],
    "names.propagators": [("baggage", ("baggage",)), ("none", ())],
    "names.detectors": [("host", ("host",)), ("os,process", ("os", "process"))],
    "names.sampler": [("always_off", "always_off"), ("TRACEIDRATIO", "traceidratio")],
    "names.sampler_arg": [("0.5", "0.5"), ("1", "1")],
    "names.id_generator": [("random", None), ("Random", None)],
    "names.instrument": [("false", False), ("none", False)],
    "names.words": [("a, b,a", ("a", "b")), ("*", ("*",))],
    "names.patterns": [("^/health,b+", ("^/health", "b+")), ("x", ("x",))],
    "context.headers": [("X-Id", ("x-id",)), ("a, B", ("a", "b"))],
    "context.keys": [("tenant", ("tenant",)), ("a,b.*", ("a", "b.*"))],
    "context.hosts": [("A.example", ("a.example",)), ("none", ())],
    "context.patches": [("threads", ("threads",)), ("none", ())],
    "redact.redact": [("jwt, email", ("jwt", "email")), ("true", ("default",))],
    "legacy.hooks": [("a.b:c, d:e", ("a.b:c", "d:e")), ("f:g", ("f:g",))],
    "legacy.expectations": [
        ('{"metrics": ["a"]}', {"metrics": ("a",)}),
        ('{"operations": []}', {"operations": ()}),
    ],
    "otlp.endpoint": [("http://a:1", "http://a:1"), ("https://b", "https://b")],
    "otlp.timeout": [("2.5", 2.5), ("0", 0.0)],
    "otlp.grpc_codes": [("unavailable", ("UNAVAILABLE",)), ("ABORTED", ("ABORTED",))],
    "files.directory": [("/tmp", "/tmp"), ("/no/such", "/no/such")],
    "files.readable": [(__file__, __file__), (sys.executable, sys.executable)],
}


class Part:
    """Fits wherever a part of the user's own does."""

    def _do(self) -> None:
        """Nothing."""

    on_start = on_end = on_emit = collect = shutdown = force_flush = _do


class View(Part):
    """Named as the SDK's is."""


PROCESSORS = [View(), View()]


def make_processors() -> list[View]:
    """What a reference to a function stands for."""
    return [View()]


def _good(name: str) -> list[tuple[str, Any]]:
    row = TABLE[name]
    if row.parser == "scalars.choice":
        first, second = row.options["among"][:2]
        return [(first.upper(), first), (f" {second} ", second)]
    if row.parser == "names.entry_point":
        return [("mine", "mine"), ("theirs", "theirs")]
    return _GOOD[row.parser]


# Certificates and keys are read when they are set: test_settings_tls.py has real ones.
PRECEDENCE = sorted(
    name
    for name, row in TABLE.items()
    if row.parser != "objects.objects" and not name.endswith(("certificate", "client_key"))
)


@pytest.fixture
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pepperpy_otel._settings_names.installed", lambda _: ["mine", "theirs"])


@pytest.mark.usefixtures("_installed")
@pytest.mark.parametrize("name", PRECEDENCE)
def test_argument_then_environment_then_pyproject_then_default(name: str, tmp_path: Path) -> None:
    """Every row is read from all four, the higher one wins, and it knows which one it was."""
    row = TABLE[name]
    (in_environment, first), (in_file, second) = _good(name)
    beside = {"OTEL_TRACES_SAMPLER": "always_on"} if name == "sampler_arg" else {}
    environ = {**beside, row.variable: in_environment}
    is_text = row.parser not in ("scalars.flag", "scalars.specified_flag")
    written = f"'{in_file}'" if is_text else str(second).lower()

    default = resolve(beside)
    assert default.values[name] == ({} if row.merged else row.default)
    assert default.source_of(name) == source("default", "")

    in_pyproject = resolve(beside, toml=f"{name} = {written}", directory=tmp_path)
    assert in_pyproject.values[name] == second
    assert in_pyproject.source_of(name) == source("pyproject.toml", f"tool.pepperpy_otel.{name}")

    from_environment = resolve(environ, directory=tmp_path)
    assert from_environment.values[name] == first
    assert from_environment.source_of(name) == source("environment", row.variable)

    from_argument = resolve(environ, directory=tmp_path, **{name: in_file if is_text else second})
    assert from_argument.values[name] == second
    assert from_argument.source_of(name) == source("argument", name)

    empty = resolve({**beside, row.variable: "  "}, directory=tmp_path)
    assert empty.source_of(name).kind == "pyproject.toml"


def test_a_bad_value_leaves_the_word_to_the_next_source(tmp_path: Path) -> None:
    """What is bad counts as not set, so the next in the order of precedence holds."""
    problems = Problems()
    settings = Settings.resolve(
        {"protocol": "gprc"},
        environ={"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
        directory=tmp_path,
        problems=problems,
    )
    assert settings.protocol == "grpc"
    assert settings.source_of("protocol") == source("environment", "OTEL_EXPORTER_OTLP_PROTOCOL")
    assert len(problems.errors) == 1


def test_what_is_not_used_is_not_complained_about(tmp_path: Path) -> None:
    """A value that a higher source overrules is nobody's problem."""
    assert resolve({"OTEL_EXPORTER_OTLP_PROTOCOL": "gprc"}, protocol="grpc").protocol == "grpc"


def test_arguments_at_their_defaults_were_not_given() -> None:
    """None, and the defaults in the signature of configure(), leave the word to the others."""
    settings = resolve(
        {"PEPPERPY_OTEL_STRICT": "true"}, service_name=None, strict=False, views=(), traces=None
    )
    assert settings.strict is True
    assert settings.source_of("views").kind == "default"
    assert settings.source_of("service_name").kind == "default"


def test_an_argument_that_is_no_setting_is_a_programming_error() -> None:
    """As for every Python function."""
    with pytest.raises(TypeError, match="servce_name"):
        resolve(servce_name="shop")


def test_there_is_no_source_of_what_is_no_setting() -> None:
    """A wrong name is an error, not a default."""
    with pytest.raises(KeyError):
        resolve().source_of("protcol")


# --- strict -------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["argument", "environment", "pyproject"])
def test_every_source_can_be_strict(where: str, tmp_path: Path) -> None:
    """Whoever asks for it gets ConfigurationError, also for what another source says."""
    environ = {"OTEL_EXPORTER_OTLP_PROTOCOL": "gprc"}
    arguments: dict[str, object] = {}
    if where == "argument":
        arguments["strict"] = True
    elif where == "environment":
        environ["PEPPERPY_OTEL_STRICT"] = "1"
    else:
        (tmp_path / "pyproject.toml").write_text("[tool.pepperpy_otel]\nstrict = true\n")
    with pytest.raises(ConfigurationError, match="gprc"):
        Settings.resolve(arguments, environ=environ, directory=tmp_path, problems=Problems())


def test_strictness_in_the_environment_counts_for_a_broken_file(tmp_path: Path) -> None:
    """The file cannot say any more whether it wants to be strict."""
    (tmp_path / "pyproject.toml").write_text("[tool.pepperpy_otel\n")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        Settings.resolve(
            {},
            environ={"PEPPERPY_OTEL_STRICT": "yes"},
            directory=tmp_path,
            problems=Problems(),
        )


# --- pyproject.toml -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (
            "[tool.pepperpy_otel\nx = 1",
            "at the end of a table declaration (at line 1,",  # the quotes differ by version
        ),
        (b"# tool.pepperpy_otel \xff", "cannot be read ('utf-8' codec can't decode byte 0xff"),
        ("tool.pepperpy_otel = 3", "tool.pepperpy_otel=3 (pyproject.toml) is not a table; write"),
        (
            "[tool.pepperpy-otel]\nservice_name = 'x'",
            "tool.pepperpy-otel='…' (pyproject.toml) is not read; write [tool.pepperpy_otel]",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line(
    content: str | bytes, line: str, tmp_path: Path
) -> None:
    """Broken, in another encoding, of another shape, under another name."""
    path = tmp_path / "pyproject.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    problems = Problems()
    settings = Settings.resolve({}, environ={}, directory=tmp_path, problems=problems)
    [error] = map(str, problems.errors)
    assert line in error
    assert "\n" not in error
    assert settings.service_name is None


@pytest.mark.parametrize(
    "content",
    ["", "[tool.other]\nx = 1", "# about tool.pepperpy_otel", "# tool.pepperpy_otel\ntool = 1"],
)
def test_a_file_without_our_section_says_nothing(content: str, tmp_path: Path) -> None:
    """Projects have a pyproject.toml for many reasons."""
    (tmp_path / "pyproject.toml").write_text(content)
    resolve(directory=tmp_path)


def test_a_broken_file_that_does_not_name_us_is_not_ours(tmp_path: Path) -> None:
    """Nothing of ours is in it, so nothing of ours is lost."""
    (tmp_path / "pyproject.toml").write_text("[[[")
    resolve(directory=tmp_path)


def test_a_file_that_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    """It may hold settings, and nobody would know that they are not read."""
    (tmp_path / "pyproject.toml").mkdir()
    problems = Problems()
    Settings.resolve({}, environ={}, directory=tmp_path, problems=problems)
    [error] = map(str, problems.errors)
    assert error.endswith("(pyproject.toml) cannot be read (Is a directory); make it readable")


def test_a_directory_below_a_file_is_no_directory() -> None:
    """The current directory may have gone."""
    resolve(directory=Path(__file__))


def test_toml_has_types_of_its_own(tmp_path: Path) -> None:
    """Numbers, booleans, arrays and tables are read as what they are."""
    settings = resolve(
        toml="""
            prometheus_port = 0
            timeout = 2.5
            sampler = 0.25
            health = false
            traces = ["console", "otlp"]
            logs = false
            headers = {Authorization = "Bearer x"}
            bsp_schedule_delay = 100
            sampler_arg = 0.5
            [tool.pepperpy_otel.resource_attributes]
            service.namespace = "shop"
            service.name = "cart"
            replicas = 3
        """,
        directory=tmp_path,
    )
    assert settings.prometheus_port == 0
    assert settings.otlp["logs"].timeout == 2.5
    assert settings.sampler == "parentbased_traceidratio"
    assert settings.sampler_arg == "0.25"
    assert settings.health is False
    assert settings.traces == ("console", "otlp")
    assert settings.logs == ()
    assert settings.otlp["traces"].headers == {"authorization": "Bearer x"}
    assert settings.bsp.schedule_delay == 0.1
    assert settings.resource_attributes == {"service.namespace": "shop", "replicas": 3}
    assert settings.service_name == "cart"


# --- resource -----------------------------------------------------------------------------------


def test_resource_attributes_of_all_sources_are_merged(tmp_path: Path) -> None:
    """Key by key, the higher source wins; texts of the environment are URL-decoded."""
    settings = resolve(
        {"OTEL_RESOURCE_ATTRIBUTES": "a=env,b=env%2C%20two, c = env ,"},
        toml="resource_attributes = {a = 'file', d = 'file'}",
        directory=tmp_path,
        resource_attributes={"a": "argument", "e": [1, 2], "f": True},
    )
    assert settings.resource_attributes == {
        "a": "argument",
        "b": "env, two",
        "c": "env",
        "d": "file",
        "e": [1, 2],
        "f": True,
    }
    assert settings.source_of("resource_attributes") == source("argument", "resource_attributes")


@pytest.mark.parametrize(
    ("environ", "arguments", "name", "origin"),
    [
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=b"}, {}, "b", "OTEL_RESOURCE_ATTRIBUTES"),
        (
            {"OTEL_RESOURCE_ATTRIBUTES": "service.name=b", "OTEL_SERVICE_NAME": "a"},
            {},
            "a",
            "OTEL_SERVICE_NAME",
        ),
        (
            {"OTEL_SERVICE_NAME": "a"},
            {"resource_attributes": {"service.name": "c"}},
            "c",
            "resource_attributes",
        ),
        (
            {"OTEL_RESOURCE_ATTRIBUTES": "service.name=b"},
            {"service_name": "d", "resource_attributes": {"service.name": "c"}},
            "d",
            "service_name",
        ),
        ({}, {"resource_attributes": {"service.name": 5}}, "5", "resource_attributes"),
    ],
)
def test_the_service_has_one_name(
    environ: dict[str, str], arguments: dict[str, Any], name: str, origin: str
) -> None:
    """The higher source wins, and in one source the name of its own over the attribute."""
    settings = resolve(environ, **arguments)
    assert settings.service_name == name
    assert settings.source_of("service_name").name == origin
    assert "service.name" not in settings.resource_attributes


def test_version_and_environment_are_attributes_too() -> None:
    """They are taken out of the resource attributes as the name is."""
    attributes = "service.version=2,deployment.environment.name=prod,x=y"
    settings = resolve({"OTEL_RESOURCE_ATTRIBUTES": attributes}, environment="test")
    assert settings.service_version == "2"
    assert settings.environment == "test"
    assert settings.resource_attributes == {"x": "y"}


# --- exporters, samplers, names -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_value", "names"),
    [
        (True, ("otlp",)),
        (False, ()),
        ("NONE", ()),
        ([], ()),
        (["none"], ()),
        ("otlp,console,otlp", ("otlp", "console")),
        (("OTLP", "Console"), ("otlp", "console")),
        ({"otlp", "console"}, ("console", "otlp")),
    ],
)
def test_exporters_are_named_in_many_ways(given_value: Any, names: tuple[str, ...]) -> None:
    """A boolean, names in one text, or a list of them, each once."""
    assert resolve(traces=given_value).traces == names


def test_entry_points_are_found_where_they_are_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exporters, samplers, propagators and the like of others are known by their entry points."""
    (tmp_path / "shop-1.0.dist-info").mkdir()
    (tmp_path / "shop-1.0.dist-info" / "METADATA").write_text("Name: shop\nVersion: 1.0\n")
    (tmp_path / "shop-1.0.dist-info" / "entry_points.txt").write_text(
        "[opentelemetry_traces_exporter]\nShopExporter = shop:E\n"
        "[opentelemetry_traces_sampler]\nshop = shop:S\n"
        "[opentelemetry_propagator]\nshop = shop:P\n"
        "[opentelemetry_id_generator]\nshop = shop:I\n"
        "[opentelemetry_resource_detector]\nshop = shop:D\n"
        "[opentelemetry_instrumentor]\nshop = shop:Inst\n"
        "[opentelemetry_otlp_credential_provider]\nshop = shop:C\n"
        "[_opentelemetry_tracer_configurator]\nshop = shop:T\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    settings = resolve(
        {
            "OTEL_TRACES_EXPORTER": "ShopExporter",
            "OTEL_TRACES_SAMPLER": "shop",
            "OTEL_TRACES_SAMPLER_ARG": "anything",
            "OTEL_PROPAGATORS": "shop,tracecontext",
            "OTEL_PYTHON_ID_GENERATOR": "shop",
            "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "shop,host",
            "PEPPERPY_OTEL_INSTRUMENT": "shop",
            "OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER": "shop",
            "OTEL_PYTHON_TRACER_CONFIGURATOR": "shop",
        }
    )
    assert settings.traces == ("ShopExporter",)
    assert (settings.sampler, settings.sampler_arg) == ("shop", "anything")
    assert settings.propagators == ("shop", "tracecontext")
    assert settings.id_generator == "shop"
    assert settings.resource_detectors == ("shop", "host")
    assert settings.instrument == ("shop",)
    assert settings.otlp["metrics"].credential_provider == "shop"
    assert settings.tracer_configurator == "shop"


class _Sampler:
    def __init__(self, ratio: float) -> None:
        self.ratio = ratio

    def should_sample(self) -> None:
        """As samplers do."""

    def get_description(self) -> str:
        """What tells samplers apart."""
        return f"Ratio{{{self.ratio}}}"


def test_a_sampler_may_be_an_object_or_a_ratio() -> None:
    """A ratio becomes the sampler that takes one, with nothing lost on the way."""
    sampler = _Sampler(1)
    assert resolve(sampler=sampler).sampler is sampler
    ratio = resolve({"OTEL_TRACES_SAMPLER_ARG": "0.1"}, sampler=0.123456789)
    assert (ratio.sampler, ratio.sampler_arg) == ("parentbased_traceidratio", "0.123456789")
    assert resolve(sampler=1).sampler_arg == "1.0"


def test_a_ratio_in_the_environment_is_kept() -> None:
    """The ratio samplers take a number from 0 to 1."""
    settings = resolve(
        {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.25"}
    )
    assert (settings.sampler, settings.sampler_arg) == ("parentbased_traceidratio", "0.25")


def test_an_id_generator_may_be_an_object() -> None:
    """Whatever can make both ids."""
    generator = SimpleNamespace(generate_trace_id=int, generate_span_id=int)
    assert resolve(id_generator=generator).id_generator is generator


@pytest.mark.parametrize(
    ("value", "wanted"),
    [("true", True), ("Off", False), ("none", False), ("1", True)],
)
def test_instrument_takes_words_in_the_environment(value: str, wanted: bool) -> None:
    """All or none, without naming one."""
    assert resolve({"PEPPERPY_OTEL_INSTRUMENT": value}).instrument is wanted


def test_one_instrumentation_may_be_left_out_and_all() -> None:
    """By names or altogether; names that nothing has are other services' business."""
    settings = resolve({"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "redis,*"}, instrument=["none"])
    assert settings.disabled_instrumentations == ("redis", "*")
    assert settings.instrument is False
    assert resolve(instrument=[]).instrument == ()
    assert resolve(instrument=True).instrument is True


def test_the_prometheus_endpoint_starts_by_name_or_by_port() -> None:
    """Either is enough; the port by default is the specification's."""
    assert resolve().prometheus_port is None
    assert resolve(metrics="prometheus").prometheus_port == 9464
    assert resolve(metrics=["prometheus"], prometheus_port=0).prometheus_port == 0
    assert resolve({"OTEL_EXPORTER_PROMETHEUS_PORT": "9000"}).prometheus_port == 9000


@pytest.mark.parametrize("value", [10, "10", "DEBUG", "Debug"])
def test_levels_are_names_or_numbers(value: Any) -> None:
    """As ``logging`` takes them, in any case."""
    assert resolve(log_level=value).log_level == 10


def test_a_home_directory_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file has no shell that would put the home directory for ``~``."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resolve(spool_directory="~/spool").spool_directory == str(tmp_path / "spool")
    assert resolve(spool_directory=tmp_path).spool_directory == str(tmp_path)


# --- the user's own parts -----------------------------------------------------------------------


def test_parts_may_be_objects_or_references(tmp_path: Path) -> None:
    """An object, a list of them, a class or a function without arguments."""
    part = Part()
    assert resolve(span_processors=[part]).span_processors == (part,)
    reference = {"PEPPERPY_OTEL_SPAN_PROCESSORS": f"{__name__}:Part,{__name__}:PROCESSORS"}
    settings = resolve(reference)
    assert [type(item) for item in settings.span_processors] == [Part, View, View]
    in_file = resolve(toml=f"views = ['{__name__}:make_processors']", directory=tmp_path)
    assert [type(item) for item in in_file.views] == [View]


def test_two_readings_of_a_reference_are_no_difference() -> None:
    """Each makes objects of its own, and yet nothing was changed."""
    reference = {"PEPPERPY_OTEL_SPAN_PROCESSORS": f"{__name__}:Part"}
    one, other = resolve(reference), resolve(reference)
    assert one.span_processors != other.span_processors
    assert one.differences(other) == []


def test_a_reference_that_raises_in_many_lines_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the user's module does when it is imported."""
    (tmp_path / "shop_parts.py").write_text("raise ValueError('one\\ntwo\\n' + 'x' * 300)")
    (tmp_path / "shop_mute.py").write_text(
        "class E(Exception):\n    def __str__(self): raise KeyError\nraise E"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    problems = Problems()
    Settings.resolve(
        {},
        environ={"PEPPERPY_OTEL_SPAN_PROCESSORS": "shop_parts:make,shop_mute:make"},
        directory=tmp_path,
        problems=problems,
    )
    long, mute = map(str, problems.errors)
    assert "cannot be loaded (ValueError: one two xxx" in long
    assert "\n" not in long
    assert len(long) < 500
    assert "cannot be loaded (E: E)" in mute
    assert "shop_parts" not in sys.modules


# --- batches, limits ----------------------------------------------------------------------------


def test_times_are_seconds_in_the_end() -> None:
    """The specification writes milliseconds; 0 is no limit for a timeout."""
    settings = resolve(
        {
            "OTEL_BSP_SCHEDULE_DELAY": "250",
            "OTEL_BSP_EXPORT_TIMEOUT": "0",
            "OTEL_METRIC_EXPORT_INTERVAL": "500",
            "OTEL_METRIC_EXPORT_TIMEOUT": "1500",
        }
    )
    assert settings.bsp.schedule_delay == 0.25
    assert settings.bsp.export_timeout == 2147483.0
    assert settings.metric_export_interval == 0.5
    assert settings.metric_export_timeout == 1.5
    assert settings.blrp == BatchSettings(
        schedule_delay=1.0, max_queue_size=2048, max_export_batch_size=512, export_timeout=30.0
    )


def test_a_small_queue_makes_small_batches() -> None:
    """Who sets the queue alone is not asked to set the batch as well."""
    settings = resolve({"OTEL_BSP_MAX_QUEUE_SIZE": "100"})
    assert settings.bsp.max_export_batch_size == 100
    both = {"OTEL_BLRP_MAX_QUEUE_SIZE": "9", "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE": "9"}
    assert resolve(both).blrp.max_export_batch_size == 9


def test_a_batch_beyond_a_small_queue_is_cut_to_it() -> None:
    """The default that holds instead fits too."""
    problems = Problems()
    environ = {"OTEL_BSP_MAX_QUEUE_SIZE": "9", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "10"}
    settings = Settings.resolve({}, environ=environ, directory=NOWHERE, problems=problems)
    assert settings.bsp.max_export_batch_size == 9
    assert len(problems.errors) == 1


def test_the_general_limit_stands_in_for_the_specific_ones() -> None:
    """But not for one that is set, nor for events and links, which are counted themselves."""
    settings = resolve(
        {
            "OTEL_ATTRIBUTE_COUNT_LIMIT": "10",
            "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "100",
            "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT": "5",
            "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "50",
            "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT": "0",
        }
    )
    assert settings.span_limits == SpanLimitSettings(
        max_attributes=10,
        max_events=128,
        max_links=128,
        max_span_attributes=10,
        max_event_attributes=5,
        max_link_attributes=10,
        max_attribute_length=100,
        max_span_attribute_length=50,
    )
    assert settings.log_limits == LogLimitSettings(
        max_attributes=10,
        max_attribute_length=100,
        max_log_record_attributes=0,
        max_log_record_attribute_length=100,
    )


def test_the_sdk_reads_no_limit_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would raise for what we have warned about; what we give it is complete."""
    from opentelemetry.sdk._logs import LogRecordLimits
    from opentelemetry.sdk.trace import SpanLimits

    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "lots")
    monkeypatch.setenv("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "long")
    monkeypatch.setenv("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", "some")
    spans = SpanLimits(**resolve().span_limits.sdk_arguments())
    assert (spans.max_span_attributes, spans.max_span_attribute_length) == (128, None)
    logs = LogRecordLimits(**resolve().log_limits.sdk_arguments())
    assert (logs.max_log_record_attributes, logs.max_log_record_attribute_length) == (128, None)


# --- comparing and showing ----------------------------------------------------------------------


def test_differences_are_named() -> None:
    """By what was set, not by all that follows from it."""
    one = resolve(service_name="shop", endpoint="http://a:4318", sampler=0.5)
    other = resolve(service_name="shop", endpoint="http://b:4318", headers={"a": "b"}, sampler=0.5)
    assert one.differences(other) == ["endpoint", "headers"]
    assert one.differences(one) == []


def test_equal_samplers_are_no_difference() -> None:
    """The SDK's have no equality; their description tells them apart."""
    one = resolve(sampler=_Sampler(0.5))
    assert one.differences(resolve(sampler=_Sampler(0.5))) == []
    assert one.differences(resolve(sampler=_Sampler(0.7))) == ["sampler"]
    assert one.differences(resolve(sampler="always_on")) == ["sampler"]


def test_an_object_that_cannot_be_compared_is_a_difference() -> None:
    """Nothing that the user's objects do comes out of the comparison."""

    class Generator:
        generate_trace_id = generate_span_id = int

        def __eq__(self, other: object) -> bool:
            raise RuntimeError

        __hash__ = None  # type: ignore[assignment]

    assert resolve(id_generator=Generator()).differences(resolve(id_generator=Generator())) == [
        "id_generator"
    ]


def test_descriptions_hide_what_is_secret() -> None:
    """Header values, passwords and queries of URLs; everything else is there as it was set."""
    settings = resolve(
        {"OTEL_EXPORTER_OTLP_TRACES_HEADERS": "token=s3cr3t"},
        headers={"authorization": "s3cr3t"},
        endpoint="https://user:s3cr3t@host/x?key=s3cr3t",
        sampler=_Sampler(1),
        span_processors=[Part()],
        timeout=2.5,
        health=False,
        traces=["otlp", "console"],
    )
    described = {name: (text, origin) for name, text, origin in settings.describe()}
    assert set(described) == set(TABLE)
    assert described["headers"] == ("authorization=***", source("argument", "headers"))
    assert described["traces_headers"][0] == "token=***"
    assert described["endpoint"][0] == "https://***@host/x?***"
    assert described["sampler"][0] == "<_Sampler>"
    assert described["span_processors"][0] == "<Part>"
    assert described["timeout"][0] == "2.5"
    assert described["health"] == ("false", source("argument", "health"))
    assert described["traces"][0] == "otlp,console"
    assert described["service_name"] == ("unset", source("default", ""))
    assert "s3cr3t" not in f"{described}{settings!r}{settings.otlp!r}"
    assert "headers" in repr(settings)


def test_settings_are_frozen() -> None:
    """One object, one meaning."""
    settings = resolve()
    with pytest.raises(AttributeError, match="frozen"):
        settings.strict = True  # type: ignore[misc]


def test_values_are_compared_by_what_they_hold() -> None:
    """As frozen dataclasses are, and shown like them."""
    one = source("environment", "X")
    assert one == source("environment", "X")
    assert hash(one) == hash(source("environment", "X"))
    assert one != source("default", "X")
    assert one != ("environment", "X")
    assert str(one) == "environment X"
    assert str(source("default", "")) == "default"
    assert repr(one) == "Source(kind='environment', name='X')"


# --- whatever is given --------------------------------------------------------------------------

_NAMES = sorted(name for name, row in TABLE.items() if row.parser != "objects.objects")


@hypothesis_settings(database=None, deadline=None)
@given(strategies.sampled_from(_NAMES), strategies.text(max_size=40))
def test_no_text_in_a_variable_raises(name: str, text: str) -> None:
    """Whatever stands in a variable, there are settings in the end, and one-line messages."""
    problems = Problems()
    settings = Settings.resolve(
        {}, environ={TABLE[name].variable: text}, directory=NOWHERE, problems=problems
    )
    assert all("\n" not in str(error) for error in problems.errors)
    assert settings.otlp["traces"].endpoint


@hypothesis_settings(database=None, deadline=None)
@given(
    strategies.sampled_from(_NAMES),
    strategies.recursive(
        strategies.none() | strategies.booleans() | strategies.floats() | strategies.binary(),
        lambda inner: strategies.lists(inner) | strategies.dictionaries(strategies.text(), inner),
        max_leaves=5,
    ),
)
def test_no_argument_raises(name: str, value: Any) -> None:
    """Whatever an argument is, there are settings in the end, and one-line messages."""
    problems = Problems()
    Settings.resolve({name: value}, environ={}, directory=NOWHERE, problems=problems)
    assert all("\n" not in str(error) for error in problems.errors)
