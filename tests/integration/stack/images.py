"""Images of the stack under the names in docker-compose.yml, made of what was built here.

No image can be pulled here, so each one imitates its upstream: the same path, user, entry point and
emptiness (the Collector's has nothing but itself, Loki's no shell, Prometheus' and Jaeger's a
busybox), with the binary that ``build_servers.py`` made of the same version.

**Grafana is a test double**: a busybox that answers ``/api/health`` and nothing else. It lets the
compose file start whole; what Grafana itself would do with its settings is not seen by any test.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.integration.locate import locate
from tests.integration.stack.shop_image import fill as _shop

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.stack.tree import Tree

BUSYBOX = "busybox-static"
APPLETS = (
    *("[", "base64", "cat", "chmod", "chown", "date", "env", "find", "grep", "head", "httpd"),
    *("id", "kill", "ls", "mkdir", "mv", "printf", "ps", "rm", "sed", "sh", "sleep", "stat"),
    *("test", "touch", "tr", "true", "wget"),
)
GRAFANA_ANSWER = json.dumps({"database": "ok", "version": "test double, not Grafana"})


@dataclass(frozen=True, slots=True)
class Image:
    """One image: what it is called where, what is in it, how it is started.

    Attributes:
        variable: The variable of docker-compose.yml that names it.
        name: Its name, as in docker-compose.yml without a digest.
        fill: Writes its files.
        changes: Dockerfile instructions.
    """

    variable: str
    name: str
    fill: Callable[[Tree], None]
    changes: tuple[str, ...] = field(default=())


def busybox() -> Path | None:
    """The statically linked busybox of this machine."""
    found = shutil.which("busybox")
    return Path(found) if found else None


def shell(tree: Tree) -> None:
    binary = busybox()
    assert binary is not None, f"install {BUSYBOX}"
    tree.copy("bin/busybox", binary)
    for applet in APPLETS:
        tree.link(f"bin/{applet}", "busybox")
    users = {"root": 0, "grafana": 472, "stack": 10001, "nobody": 65534}
    tree.text("etc/passwd", "".join(f"{n}:x:{i}:{i}::/:/bin/sh\n" for n, i in users.items()))
    tree.text("etc/group", "".join(f"{n}:x:{i}:\n" for n, i in users.items()))


def _server(path: str, name: str) -> Callable[[Tree], None]:
    def fill(tree: Tree) -> None:
        tree.copy(path, Path(locate(name).executable))

    return fill


def _jaeger(tree: Tree) -> None:
    shell(tree)
    _server("cmd/jaeger/jaeger-linux", "jaeger")(tree)


def _prometheus(tree: Tree) -> None:
    shell(tree)
    for name in ("prometheus", "promtool"):
        _server(f"bin/{name}", name)(tree)
    tree.directory("prometheus", mode=0o777, owner=65534)


def _loki(tree: Tree) -> None:
    _server("usr/bin/loki", "loki")(tree)
    tree.directory("loki", owner=10001)


def _grafana(tree: Tree) -> None:
    shell(tree)
    tree.text("www/api/health", GRAFANA_ANSWER)


def shop(tree: Tree) -> None:
    """The shop, with a shell beside it as in the image that its Dockerfile starts from."""
    _shop(tree)
    shell(tree)


IMAGES = (
    Image("STACK_BUSYBOX_IMAGE", "busybox:1.37.0", shell, ('CMD ["sh"]',)),
    Image(
        "STACK_COLLECTOR_IMAGE",
        "otel/opentelemetry-collector-contrib:0.158.0",
        _server("otelcol-contrib", "collector"),
        ("USER 10001", 'ENTRYPOINT ["/otelcol-contrib"]'),
    ),
    Image(
        "STACK_JAEGER_IMAGE",
        "jaegertracing/jaeger:2.13.0",
        _jaeger,
        ("USER 10001", "VOLUME /tmp", 'ENTRYPOINT ["/cmd/jaeger/jaeger-linux"]'),
    ),
    Image(
        "STACK_PROMETHEUS_IMAGE",
        "prom/prometheus:v3.15.0",
        _prometheus,
        ("USER nobody", "WORKDIR /prometheus", 'ENTRYPOINT ["/bin/prometheus"]'),
    ),
    Image(
        "STACK_LOKI_IMAGE",
        "grafana/loki:3.7.8",
        _loki,
        ("USER 10001", 'ENTRYPOINT ["/usr/bin/loki"]'),
    ),
    Image(
        "STACK_GRAFANA_IMAGE",
        "test-double/grafana:not-grafana",
        _grafana,
        (
            "USER 472",
            # As process 1, httpd itself would not hear that it shall end.
            'ENTRYPOINT ["sh", "-c", "trap \'exit 0\' TERM; httpd -f -p 3000 -h /www & wait"]',
        ),
    ),
    Image(
        "STACK_SHOP_IMAGE",
        "pepperpy-otel/shop:local",
        shop,
        (
            "ENV PYTHONPATH=/venv PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PATH=/bin",
            "WORKDIR /shop",
            "USER 10001",
            'ENTRYPOINT ["python", "/shop/stacked.py"]',
        ),
    ),
)
