"""Files made for plain processes: secrets, Prometheus's configuration, Grafana's provisioning."""

from __future__ import annotations

import stat

import pytest

from pepperpy_otel.stack import files, rendered

CONFIG = files.config_directory()


@pytest.mark.parametrize("make", [rendered.redaction_key, rendered.password])
def test_a_secret(tmp_path, make):
    """Made once, long, for this user only; text in YAML, too."""
    file = make(tmp_path)
    text = file.read_text()

    assert len(text) > 24
    assert text[0] == "k"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert make(tmp_path).read_text() == text
    assert make(tmp_path / "other").read_text() != text
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_prometheus(tmp_path):
    """The configuration as it is, every rule, this stack's targets, and nobody to alert."""
    file = rendered.prometheus(CONFIG, tmp_path, {"prometheus": "127.0.0.1:1", "loki": "h:2"})

    assert file.read_text() == (CONFIG / "prometheus.yaml").read_text()
    assert "{ files: [targets/*.yaml]" in file.read_text()
    assert "{ files: [alertmanagers/*.yaml]" in file.read_text()
    rules = {path.name for path in (file.parent / "rules").iterdir()}
    assert rules == {path.name for path in (CONFIG / "rules").glob("*.yaml")}
    assert (file.parent / "targets" / "stack.yaml").read_text() == (
        '- targets: ["127.0.0.1:1"]\n  labels: { job: prometheus }\n'
        '- targets: ["h:2"]\n  labels: { job: loki }\n'
    )
    assert not (file.parent / "alertmanagers").exists()


def test_what_is_right_is_not_touched(tmp_path):
    """Prometheus watches these files: a second ``up`` must not take them from under it."""
    targets = {"prometheus": "127.0.0.1:1", "loki": "127.0.0.1:2"}

    def inodes():
        home = rendered.prometheus(CONFIG, tmp_path, targets).parent
        return {path: path.stat().st_ino for path in home.rglob("*")}

    before = inodes()
    assert inodes() == before
    targets["loki"] = "127.0.0.1:3"
    after = inodes()
    changed = {path.name for path in before if before[path] != after[path]}
    assert changed == {"stack.yaml"}


def test_prometheus_with_alertmanager(tmp_path):
    """It is told where that is; a rule that has gone is gone."""
    (tmp_path / "etc" / "prometheus" / "rules").mkdir(parents=True)
    (tmp_path / "etc" / "prometheus" / "rules" / "gone.yaml").write_text("")

    file = rendered.prometheus(CONFIG, tmp_path, {"alertmanager": "127.0.0.1:9"})

    told = file.parent / "alertmanagers" / "stack.yaml"
    assert told.read_text() == '- targets: ["127.0.0.1:9"]\n'
    assert not (file.parent / "rules" / "gone.yaml").exists()


def test_provisioning(tmp_path):
    """The containers' addresses are replaced, in every file; what was there before goes."""
    config = tmp_path / "config"
    for name in ("datasources/a.yaml", "dashboards/b.yaml", "dashboards/c.txt"):
        file = config / "grafana" / "provisioning" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("url: http://loki:3100/x http://jaeger:16686")

    home = rendered.provisioning(config, tmp_path, {"http://loki:3100": "http://127.0.0.1:1"})

    expected = "url: http://127.0.0.1:1/x http://jaeger:16686"
    assert {str(path.relative_to(home)): path.read_text() for path in home.rglob("*.*")} == {
        "datasources/a.yaml": expected,
        "dashboards/b.yaml": expected,
    }
    (config / "grafana" / "provisioning" / "dashboards" / "b.yaml").unlink()
    rendered.provisioning(config, tmp_path, {})
    assert not (home / "dashboards" / "b.yaml").exists()


def test_no_address_of_a_container_is_left(tmp_path):
    """In the provisioning files that are shipped, the addresses are those that are replaced."""
    known = ("http://prometheus:9090", "http://jaeger:16686", "http://loki:3100")

    home = rendered.provisioning(CONFIG, tmp_path, dict.fromkeys(known, "ours"))

    for file in home.rglob("*.yaml"):
        urls = [word for word in file.read_text().split() if word.startswith("http://")]
        assert urls == [], file


def test_grafanas_home(tmp_path):
    """The archive that its program lies in, or where packages put it."""
    program = tmp_path / "grafana-v13" / "bin" / "grafana"

    assert rendered.grafana_home(program) == rendered.GRAFANA_HOME
    (tmp_path / "grafana-v13" / "conf").mkdir(parents=True)
    (tmp_path / "grafana-v13" / "conf" / "defaults.ini").write_text("")
    assert rendered.grafana_home(program) == tmp_path / "grafana-v13"
