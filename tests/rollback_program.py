"""Run in a process of its own: ten combinations of settings, each used and rolled back.

Prints one JSON object: combination → what is otherwise afterwards than before (nothing, if all is
well), what was restored, and what the process looked like in between.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import structlog

import pepperpy_otel
from pepperpy_otel.footprint import Footprint

OLD = logging.StreamHandler(sys.stderr)
OLD.setLevel(logging.CRITICAL)


def old_monitoring() -> str:
    return "old"


def old_health() -> bool:
    return True


SWITCHED: list[str] = []
LEGACY = [
    OLD,
    old_monitoring,
    f"{__name__}:old_health",
    (lambda: SWITCHED.append("off"), lambda: SWITCHED.append("on")),
]
#: What patches and hooks; all of it in the last combination.
PATCHES = {
    "capture_warnings": True,
    "capture_exceptions": True,
    "repeated_logs": 10,
    "context_patches": ("threads", "processes"),
    "correlation_response": True,
    "redact": True,
}
CASES: dict[str, dict[str, object]] = {
    "defaults": {},
    "no instrumentation": {"instrument": False},
    "levels and console": {"log_level": "DEBUG", "console_logs": "json", "instrument": False},
    "text console": {"log_level": "INFO", "console_logs": "text"},
    "servers": {"prometheus_port": 0, "health_port": 0, "instrument": False},
    "nothing exported": {"traces": False, "metrics": False, "logs": False, "health": False},
    "files and spool": {"traces": "otlp-file", "spool_directory": "spool", "instrument": False},
    "legacy": {"legacy": LEGACY, "log_level": "INFO", "instrument": False},
    "without signal handlers": {"signal_handlers": False, "instrument": ["requests", "sqlite3"]},
    "everything": {
        "legacy": LEGACY,
        "log_level": "DEBUG",
        "console_logs": "json",
        "prometheus_port": 0,
        "health_port": 0,
        "spool_directory": "spool",
        "sampler": 0.5,
    },
}


def prepare() -> None:
    """A process that has something to lose."""
    root = logging.getLogger()
    root.setLevel(logging.WARNING)
    root.addHandler(OLD)
    root.addHandler(logging.NullHandler())
    named = logging.getLogger("shop.orders")
    named.setLevel(logging.ERROR)
    named.addHandler(OLD)
    named.propagate = False
    structlog.configure(
        processors=[structlog.stdlib.add_log_level, structlog.processors.JSONRenderer()],
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    sys.excepthook = lambda kind, error, traceback: None
    threading.excepthook = lambda arguments: None
    warnings.showwarning = lambda *arguments, **options: None
    os.environ["SHOP"] = "1"


def use() -> dict[str, object]:
    """A bit of everything, while telemetry runs."""
    import sqlite3

    telemetry = pepperpy_otel.get_telemetry()
    assert telemetry is not None
    telemetry.expect(operations=["work"], log_events=["low stock"], metrics=["sold"])
    with pepperpy_otel.get_tracer("t").start_as_current_span("work"):
        logging.getLogger("shop").warning("low stock")
        logging.getLogger("shop.orders").error("failed")
        structlog.get_logger("shop").warning("structured", n=1)
        sqlite3.connect(":memory:").close()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(logging.getLogger("pool").info, "in a thread").result()
        asyncio.run(asyncio.sleep(0))
        warnings.warn("old", stacklevel=1)
    pepperpy_otel.get_meter("m").create_counter("sold").add(1)
    telemetry.health.register("db", lambda: True)
    telemetry.health.run(5.0)
    telemetry.health.unregister("db")
    return {
        "monitoring": old_monitoring(),
        "health": old_health(),
        "old handler": OLD in logging.getLogger().handlers,
        "covered": str(telemetry.coverage()),
    }


def settled(before: Footprint) -> list[str]:
    """What is otherwise now, once threads had time to end."""
    deadline = time.monotonic() + 20
    while (left := before.differences(Footprint())) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def run(name: str) -> dict[str, object]:
    os.environ["PEPPERPY_OTEL_FILE_DIRECTORY"] = str(Path("files").absolute())
    given = {"endpoint": "http://127.0.0.1:1", "shutdown_timeout_millis": 300, **CASES[name]}
    if name == "everything":
        given |= PATCHES
    SWITCHED.clear()
    before = Footprint()
    pepperpy_otel.configure("shop", **given)  # type: ignore[arg-type]
    during, changed = use(), before.differences(Footprint())
    report = pepperpy_otel.rollback()
    return {
        "left": settled(before),
        "failed": report.failed,
        "restored": report.restored,
        "changed": changed,
        "during": during,
        "switched": list(SWITCHED),
        "after": [old_monitoring(), old_health(), OLD in logging.getLogger().handlers],
    }


if __name__ == "__main__":
    prepare()
    # Once around first: what libraries load and set up with their first use is no trace of ours.
    pepperpy_otel.configure("warm", endpoint="http://127.0.0.1:1", shutdown_timeout_millis=300)
    use()
    pepperpy_otel.rollback()
    print(json.dumps({name: run(name) for name in CASES}))
