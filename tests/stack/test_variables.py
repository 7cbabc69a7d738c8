"""Which variables count, and what is no port."""

from __future__ import annotations

import pytest

from pepperpy_otel.stack import variables
from pepperpy_otel.stack.errors import StackError


def test_the_environment_comes_first(tmp_path):
    """Before what the stack was started with, which comes before the file .env."""
    file = tmp_path / ".env"
    file.write_text(
        "# f\u00fcr mich\nSTACK_BIND='127.0.0.2'\nSTACK_LOKI_PORT=1\nSTACK_JAEGER_PORT = 2\nX=3\n",
        encoding="latin-1",
    )
    remembered = {"STACK_LOKI_PORT": "4", "STACK_GRAFANA_PORT": "5"}
    environ = {"STACK_GRAFANA_PORT": "6", "HOME": "/"}

    assert variables.gather(environ, remembered, file) == {
        "STACK_BIND": "127.0.0.2",
        "STACK_LOKI_PORT": "4",
        "STACK_JAEGER_PORT": "2",
        "STACK_GRAFANA_PORT": "6",
    }


def test_an_empty_variable_is_none(tmp_path):
    """As compose sees it, and it also takes back what was remembered."""
    environ = {"STACK_GRAFANA_PORT": ""}

    assert variables.gather(environ, {"STACK_GRAFANA_PORT": "5"}, tmp_path / ".env") == {}


@pytest.mark.parametrize(("given", "used"), [("7d", "168h"), ("72h", "72h"), ("1h30m", "1h30m")])
def test_days_are_hours_for_traces(tmp_path, given, used):
    """Jaeger knows no days, and nobody should have to know that."""
    environ = {"STACK_TRACES_RETENTION": given, "STACK_LOGS_RETENTION": "7d"}

    found = variables.gather(environ, {}, tmp_path / ".env")

    assert found == {"STACK_TRACES_RETENTION": used, "STACK_LOGS_RETENTION": "7d"}


def test_ports():
    """The defaults are those of the documentation; a variable changes one."""
    found = variables.numbers({"STACK_OTLP_HTTP_PORT": "14318"})

    assert found == {
        "grafana": 3000,
        "jaeger": 16686,
        "prometheus": 9090,
        "loki": 3100,
        "otlp-grpc": 4317,
        "otlp-http": 14318,
        "collector-health": 13133,
        "alertmanager": 9093,
        "shop": 8000,
        "agent-otlp-grpc": 14317,
        "agent-otlp-http": 14318,
    }


@pytest.mark.parametrize("text", ["0", "65536", "-1", "http", "1.5", "٣٠٠٠"])
def test_what_is_no_port(text):
    """The variable, the value and what would be right: wrong use."""
    with pytest.raises(StackError) as error:
        variables.numbers({"STACK_LOKI_PORT": text})

    assert str(error.value) == f"STACK_LOKI_PORT={text!r} is no port; use 1 to 65535"
    assert error.value.status == 2


def test_one_port_for_two():
    """Both are named: wrong use."""
    with pytest.raises(StackError) as error:
        variables.numbers({"STACK_LOKI_PORT": "3000"})

    assert str(error.value) == "STACK_GRAFANA_PORT and STACK_LOKI_PORT are both 3000; change one"
    assert error.value.status == 2


def test_a_part_that_may_not_run_claims_no_port():
    """Grafana may have the shop's port; with the profile demo, compose says that it is taken."""
    assert variables.numbers({"STACK_GRAFANA_PORT": "8000"})["shop"] == 8000


def test_port_options():
    """--port NAME=NUMBER is the variable."""
    assert variables.port_options(["grafana=3001", "otlp-grpc=5317"]) == {
        "STACK_GRAFANA_PORT": "3001",
        "STACK_OTLP_GRPC_PORT": "5317",
    }


@pytest.mark.parametrize("choice", ["3001", "grafana", "grafana=", "tempo=3200"])
def test_what_is_no_port_option(choice):
    """The names that there are stand in the line: wrong use."""
    with pytest.raises(StackError, match="use NAME=NUMBER with a name of grafana, jaeger") as error:
        variables.port_options([choice])

    assert error.value.status == 2
