"""What each server needs to run as a plain process: arguments, environment, ports, directories.

The configurations are those of the containers, except the Collector's (``collector-local.yaml``:
addresses from the environment). All of them listen on the loopback interface only.
"""

from __future__ import annotations

from pepperpy_otel.stack import rendered
from pepperpy_otel.stack.setting import Server, Setting
from pepperpy_otel.stack.variables import AUTH, LOOPBACK

MAX_SIZE = "STACK_METRICS_MAX_SIZE"


def _collector_arguments(setting: Setting) -> list[str]:
    configs = [str(setting.config / "collector-local.yaml")]
    if AUTH in setting.variables:
        token = setting.inside(rendered.token(setting.directory))
        file = rendered.collector_token(setting.config, setting.directory, token)
        configs.append(setting.inside(file))
    return [f"--config={config}" for config in configs]


def _collector_env(setting: Setting) -> dict[str, str]:
    return {
        "COLLECTOR_OTLP_GRPC": setting.address("otlp-grpc"),
        "COLLECTOR_OTLP_HTTP": setting.address("otlp-http"),
        "COLLECTOR_HEALTH": setting.address("collector-health"),
        "COLLECTOR_QUEUE_DIRECTORY": setting.inside(setting.data("collector")),
        "COLLECTOR_REDACTION_KEY_FILE": setting.inside(rendered.redaction_key(setting.directory)),
        "JAEGER_OTLP_GRPC": setting.address("jaeger-otlp"),
        "PROMETHEUS_URL": setting.url("prometheus"),
        "LOKI_URL": setting.url("loki"),
        **_given(
            setting,
            COLLECTOR_FLUSH_INTERVAL="STACK_FLUSH_INTERVAL",
            OTEL_RESOURCE_ATTRIBUTES="STACK_RESOURCE_ATTRIBUTES",
        ),
    }


def _given(setting: Setting, **names: str) -> dict[str, str]:
    """Variables of a server that are set only if the stack's are."""
    return {
        name: setting.variables[source]
        for name, source in names.items()
        if source in setting.variables
    }


def _jaeger_arguments(setting: Setting) -> list[str]:
    return [f"--config={setting.config / 'jaeger.yaml'}"]


def _jaeger_env(setting: Setting) -> dict[str, str]:
    return {
        "JAEGER_LISTEN_HOST": LOOPBACK,
        "JAEGER_OTLP_GRPC_PORT": str(setting.ports["jaeger-otlp"]),
        "JAEGER_QUERY_PORT": str(setting.ports["jaeger"]),
        "JAEGER_QUERY_GRPC_PORT": str(setting.ports["jaeger-query-grpc"]),
        "JAEGER_HEALTH_PORT": str(setting.ports["jaeger-health"]),
        "JAEGER_DIRECTORY": setting.inside(setting.data("jaeger")),
        "JAEGER_TRACES_RETENTION": setting.retention("traces"),
        "JAEGER_PROMETHEUS_URL": setting.url("prometheus"),
    }


def _prometheus_arguments(setting: Setting) -> list[str]:
    targets = {name: setting.address(name) for name in ("prometheus", "loki")}
    if "alertmanager" in setting.binaries:
        targets["alertmanager"] = setting.address("alertmanager")
    config = rendered.prometheus(setting.config, setting.directory, targets)
    return [
        f"--config.file={setting.inside(config)}",
        f"--storage.tsdb.path={setting.inside(setting.data('prometheus'))}",
        f"--storage.tsdb.retention.time={setting.retention('metrics')}",
        f"--storage.tsdb.retention.size={setting.variables.get(MAX_SIZE, '10GB')}",
        f"--web.listen-address={setting.address('prometheus')}",
        "--web.enable-otlp-receiver",
        "--enable-feature=exemplar-storage",
    ]


def _loki_arguments(setting: Setting) -> list[str]:
    return [f"-config.file={setting.config / 'loki.yaml'}", "-config.expand-env=true"]


def _loki_env(setting: Setting) -> dict[str, str]:
    return {
        "LOKI_LISTEN_HOST": LOOPBACK,
        "LOKI_HTTP_PORT": str(setting.ports["loki"]),
        "LOKI_GRPC_PORT": str(setting.ports["loki-grpc"]),
        "LOKI_DIRECTORY": setting.inside(setting.data("loki")),
        "LOKI_LOGS_RETENTION": setting.retention("logs"),
    }


def _grafana_arguments(setting: Setting) -> list[str]:
    return ["server", f"--homepath={rendered.grafana_home(setting.binaries['grafana'].path)}"]


def _grafana_env(setting: Setting) -> dict[str, str]:
    addresses = {
        "http://prometheus:9090": setting.url("prometheus"),
        "http://jaeger:16686": setting.url("jaeger"),
        "http://loki:3100": setting.url("loki"),
        "http://alertmanager:9093": setting.url("alertmanager"),
        "/etc/grafana/dashboards": str(setting.config / "grafana" / "dashboards"),
    }
    home = setting.config / "grafana" / "dashboards" / "pepperpy-home.json"
    return {
        "GF_PATHS_DATA": str(setting.data("grafana")),
        "GF_PATHS_LOGS": str(setting.data("grafana") / "log"),
        "GF_PATHS_PROVISIONING": str(
            rendered.provisioning(setting.config, setting.directory, addresses)
        ),
        "GF_SERVER_HTTP_ADDR": LOOPBACK,
        "GF_SERVER_HTTP_PORT": str(setting.ports["grafana"]),
        "GF_SECURITY_ADMIN_USER": "admin",
        # The image's own "…__FILE" is read by the script around Grafana, not by Grafana.
        "GF_SECURITY_ADMIN_PASSWORD": f"$__file{{{rendered.password(setting.directory)}}}",
        "GF_SECURITY_DISABLE_GRAVATAR": "true",
        "GF_AUTH_ANONYMOUS_ENABLED": "false",
        "GF_USERS_ALLOW_SIGN_UP": "false",
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
        "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
        "GF_NEWS_NEWS_FEED_ENABLED": "false",
        "GF_SNAPSHOTS_EXTERNAL_ENABLED": "false",
        "GF_LOG_MODE": "console",
        "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH": str(home),
    }


def _alertmanager_arguments(setting: Setting) -> list[str]:
    return [
        f"--config.file={setting.config / 'alertmanager.yaml'}",
        f"--storage.path={setting.data('alertmanager')}",
        f"--web.listen-address={setting.address('alertmanager')}",
        "--cluster.listen-address=",
    ]


def _nothing(setting: Setting) -> dict[str, str]:
    return {}


#: Those behind the Collector come first: it is started last and stopped first.
SERVERS = (
    Server(
        "jaeger",
        ("jaeger", "jaeger-otlp", "jaeger-query-grpc", "jaeger-health"),
        _jaeger_arguments,
        _jaeger_env,
        ("jaeger-health", "/status"),
        "jaeger",
    ),
    Server(
        "prometheus",
        ("prometheus",),
        _prometheus_arguments,
        _nothing,
        ("prometheus", "/-/ready"),
        "prometheus",
    ),
    Server("loki", ("loki", "loki-grpc"), _loki_arguments, _loki_env, ("loki", "/ready"), "loki"),
    Server(
        "grafana",
        ("grafana",),
        _grafana_arguments,
        _grafana_env,
        ("grafana", "/api/health"),
        "grafana",
    ),
    Server(
        "alertmanager",
        ("alertmanager",),
        _alertmanager_arguments,
        _nothing,
        ("alertmanager", "/-/ready"),
        "alertmanager",
    ),
    Server(
        "collector",
        ("otlp-grpc", "otlp-http", "collector-health"),
        _collector_arguments,
        _collector_env,
        ("collector-health", "/"),
        "otlp-http",
    ),
)
