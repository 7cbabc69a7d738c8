"""The files of collector-config/scale fit together: what one names, another one has."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

CONFIG = Path(__file__).resolve().parents[2] / "collector-config"
SCALE = CONFIG / "scale"
KUBERNETES = SCALE / "kubernetes"
AGENT = ("agent.yaml",)
GATEWAY = ("gateway.yaml",)
TOGETHER = {
    "agent": AGENT,
    "agent-kafka": (*AGENT, "agent-kafka.yaml"),
    "agent-kubernetes": (*AGENT, "kubernetes/agent-kubernetes.yaml"),
    "agent-tls": (*AGENT, "agent-tls.yaml"),
    "gateway": GATEWAY,
    "gateway-tls": (*GATEWAY, "gateway-tls.yaml"),
    "gateway-kafka": (*GATEWAY, "gateway-kafka.yaml"),
}
KINDS = ("receivers", "processors", "exporters")


@pytest.mark.parametrize("name", TOGETHER)
def test_defined(name: str) -> None:
    """Every component that a pipeline names is defined."""
    config = merged(name)
    for pipeline, parts in config["service"]["pipelines"].items():
        for kind in KINDS:
            named = parts.get(kind, [])
            if isinstance(named, str):  # a list from a variable, with this one as its default
                named = yaml.safe_load(re.sub(r"^\$\{env:\w+:-(.*)\}$", r"\1", named))
            known = {*config[kind], *config["connectors"]}
            assert set(named) <= known, f"{pipeline}: {kind}"


@pytest.mark.parametrize("name", TOGETHER)
def test_queues(name: str) -> None:
    """Every exporter that a pipeline uses keeps its queue on disk and never gives up."""
    config = merged(name)
    used = {
        exporter
        for parts in config["service"]["pipelines"].values()
        for exporter in parts["exporters"]
        if exporter in config["exporters"]
    }
    assert used
    for exporter in used:
        settings = config["exporters"][exporter]
        assert settings["sending_queue"]["storage"] == "file_storage/queue"
        assert settings["retry_on_failure"]["max_elapsed_time"] == "0s"
    assert "file_storage/queue" in config["service"]["extensions"]


@pytest.mark.parametrize("name", TOGETHER)
def test_memory_limiter(name: str) -> None:
    """Whatever comes from outside meets the memory limiter first."""
    config = merged(name)
    for parts in config["service"]["pipelines"].values():
        if set(parts["receivers"]) & {"otlp", "kafka"}:
            assert parts["processors"][0] == "memory_limiter"


def test_one_tier() -> None:
    """Only the gateways make metrics of spans, and only they sample."""
    for name in ("agent", "agent-kafka", "agent-kubernetes"):
        config = merged(name)
        assert not {"span_metrics", "service_graph"} & set(config["connectors"])
        assert "tail_sampling" not in config["processors"]
    traces = merged("gateway")["service"]["pipelines"]["traces"]
    assert traces["exporters"] == ["forward/kept", "span_metrics", "service_graph"]
    assert traces["processors"] == ["memory_limiter"], "metrics come before any sampling"


def test_same_as_compose() -> None:
    """Agents mask what the Collector of one machine masks, and count no health check either."""
    agent, compose = merged("agent"), load(CONFIG / "collector.yaml")
    for key in ("blocked_key_patterns", "blocked_values"):
        assert agent["processors"]["redaction"][key] == compose["processors"]["redaction"][key]
    assert agent["processors"]["filter/health"] == compose["processors"]["filter/health"]
    gateway, buckets = merged("gateway"), ("histogram", "dimensions")
    for key in buckets:
        assert (
            gateway["connectors"]["span_metrics"][key] == compose["connectors"]["span_metrics"][key]
        )


def test_kubernetes_overlay() -> None:
    """In Kubernetes each pipeline has agent.yaml's processors and k8s_attributes besides."""
    plain = merged("agent")["service"]["pipelines"]
    overlaid = merged("agent-kubernetes")["service"]["pipelines"]
    for pipeline, parts in plain.items():
        first, *rest = parts["processors"]
        assert overlaid[pipeline]["processors"] == [first, "k8s_attributes", *rest]


def test_workloads() -> None:
    """Each container sets variables that its configuration reads, mounts the files that it is
    told to read, cannot become root, and has a memory limit above GOMEMLIMIT.
    """
    objects = documents(KUBERNETES / "base")
    for kind, name, tier in (
        ("DaemonSet", "otel-agent", "agent"),
        ("StatefulSet", "otel-gateway", "gateway"),
    ):
        pod = objects[kind, name]["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        variables = {item["name"]: item.get("value") for item in container["env"]}
        text = "".join(path.read_text(encoding="utf-8") for path in SCALE.glob(f"{tier}*.yaml"))
        own = {"GOMEMLIMIT", "K8S_NODE_NAME", "OTEL_RESOURCE_ATTRIBUTES"}
        for variable in variables.keys() - own:
            assert f"${{env:{variable}:-" in text, variable
        files = generated(f"{name}-config")
        for argument in container["args"]:
            assert argument.removeprefix("--config=/etc/otelcol/") in files
        secure = {**pod["securityContext"], **container["securityContext"]}
        assert secure["runAsNonRoot"]
        assert secure["readOnlyRootFilesystem"]
        assert not secure["allowPrivilegeEscalation"]
        limit = int(container["resources"]["limits"]["memory"].removesuffix("Mi"))
        assert int(str(variables["GOMEMLIMIT"]).removesuffix("MiB")) == limit * 0.8
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert container[probe]["httpGet"] == {"path": "/", "port": "health"}


@pytest.mark.parametrize("tier", ["agent", "gateway"])
def test_compose(tier: str) -> None:
    """The compose profile sets variables that the files read, and gives them in their order."""
    service = load(CONFIG.parent / "docker-compose.yml")["services"][f"otel-{tier}"]
    files = [file.removeprefix("--config=/etc/otelcol/") for file in service["command"]]
    assert files == [f"{tier}.yaml", f"{tier}-kafka.yaml"]
    text = "".join((SCALE / file).read_text(encoding="utf-8") for file in files)
    for variable in service["environment"].keys() - {"GOMEMLIMIT"}:
        assert f"${{env:{variable}:-" in text, variable


def test_addresses() -> None:
    """Agents ask for the headless Service of the gateways, at the port that it has."""
    objects = documents(KUBERNETES / "base")
    service = objects["Service", "otel-gateway"]["spec"]
    assert service["clusterIP"] == "None"
    ports = {port["name"]: port["port"] for port in service["ports"]}
    (agent,) = objects["DaemonSet", "otel-agent"]["spec"]["template"]["spec"]["containers"]
    variables = {item["name"]: item.get("value") for item in agent["env"]}
    assert variables["GATEWAY_HOST"] == "otel-gateway"
    assert variables["GATEWAY_PORT"] == str(ports["otlp-grpc"])
    assert variables["COLLECTOR_METRICS_URL"] == (
        f"http://otel-gateway:{ports['otlp-http']}/v1/metrics"
    )
    assert objects["Service", "otel-agent"]["spec"]["internalTrafficPolicy"] == "Local"


def test_application() -> None:
    """The application's probes ask our health endpoints where they really are."""
    (container,) = documents(KUBERNETES / "app")["Deployment", "orders"]["spec"]["template"][
        "spec"
    ]["containers"]
    variables = {item["name"]: item.get("value") for item in container["env"]}
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert variables["PEPPERPY_OTEL_HEALTH_PORT"] == str(ports["health"])
    assert variables["PEPPERPY_OTEL_HEALTH_HOST"] == "0.0.0.0"
    paths = {
        probe: container[f"{probe}Probe"]["httpGet"]
        for probe in ("startup", "liveness", "readiness")
    }
    assert paths == {
        "startup": {"path": "/startupz", "port": "health"},
        "liveness": {"path": "/livez", "port": "health"},
        "readiness": {"path": "/readyz", "port": "health"},
    }


@pytest.mark.parametrize(("name", "tier"), [("agent", "DaemonSet"), ("gateway", "StatefulSet")])
def test_helm(name: str, tier: str) -> None:
    """The chart's values run the same files with the same variables as the manifests do."""
    values = load(KUBERNETES / "helm" / f"{name}-values.yaml")
    pod = documents(KUBERNETES / "base")[tier, f"otel-{name}"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    from_chart = {"GOMEMLIMIT", "K8S_NODE_NAME"}  # useGOMEMLIMIT and a preset give these
    assert values["command"]["extraArgs"] == container["args"]
    assert values["extraEnvs"] == [
        item for item in container["env"] if item["name"] not in from_chart
    ]
    assert values["resources"] == container["resources"]
    assert values["extraVolumeMounts"][1] == container["volumeMounts"][1]
    assert values["configMap"] == {"create": False}


def test_kafka_versions() -> None:
    """The jars of the tests are of one version."""
    pom = (SCALE / "kafka" / "pom.xml").read_text(encoding="utf-8")
    script = (SCALE / "fetch_kafka.py").read_text(encoding="utf-8")
    (version,) = re.findall(r'^VERSION = "(.+)"$', script, re.MULTILINE)
    assert pom.count(f"<version>{version}</version>") == 2


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on PATH")
@pytest.mark.parametrize("components", [[], ["kafka"], ["autoscaling"], ["kafka", "autoscaling"]])
def test_kustomize(components: list[str], tmp_path: Path) -> None:
    """Kustomize builds the directory, alone and from outside with each component."""
    tree = tmp_path / "scale"
    shutil.copytree(SCALE, tree)
    (tmp_path / "kustomization.yaml").write_text(
        yaml.safe_dump(
            {
                "resources": ["scale"],
                "components": [f"scale/kubernetes/{name}" for name in components],
            }
        ),
        encoding="utf-8",
    )
    command = ["kubectl", "kustomize", str(tmp_path)]
    built = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert built.returncode == 0, built.stderr
    objects = {
        (item["kind"], item["metadata"]["name"]): item for item in yaml.safe_load_all(built.stdout)
    }
    maps = {name for kind, name in objects if kind == "ConfigMap"}
    for kind, name in (("DaemonSet", "otel-agent"), ("StatefulSet", "otel-gateway")):
        spec = objects[kind, name]["spec"]
        pod = spec["template"]["spec"]
        assert {
            volume["configMap"]["name"] for volume in pod["volumes"] if "configMap" in volume
        } <= maps
        (container,) = pod["containers"]
        kafka = f"--config=/etc/otelcol/{name.removeprefix('otel-')}-kafka.yaml"
        assert (kafka in container["args"]) == ("kafka" in components)
    assert ("replicas" in spec) == ("autoscaling" not in components)


def merged(name: str) -> dict[str, Any]:
    """Files as the Collector puts them together: maps merged, lists replaced."""
    config: dict[str, Any] = {}
    for file in TOGETHER[name]:
        _merge(config, load(SCALE / file))
    return config


def _merge(into: dict[str, Any], other: dict[str, Any]) -> None:
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def load(path: Path) -> dict[str, Any]:
    """One YAML document."""
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def documents(directory: Path) -> dict[tuple[str, str], Any]:
    """The objects that a kustomization lists, by kind and name."""
    return {
        (item["kind"], item["metadata"]["name"]): item
        for file in load(directory / "kustomization.yaml")["resources"]
        for item in yaml.safe_load_all((directory / file).read_text(encoding="utf-8"))
    }


def generated(name: str) -> set[str]:
    """The files in a generated ConfigMap."""
    generators = load(SCALE / "kustomization.yaml")["configMapGenerator"]
    (files,) = (item["files"] for item in generators if item["name"] == name)
    assert all((SCALE / file).is_file() for file in files)
    return {Path(file).name for file in files}
