"""The shop's storefront with checks and faults that a test can switch on and off.

Run as a program, like examples/shop/stacked.py. A fault is a file in the directory PATIENT_FAULTS
(``unhealthy``, ``flapping``) or a request: /slow/<seconds>, /stall/<numbers>, /expect/<name>,
/forget/<name>.
"""

from __future__ import annotations

import itertools
import os
import sys
import time
from pathlib import Path

FAULTS = Path(os.environ["PATIENT_FAULTS"])
SHOP = Path(os.environ["PATIENT_SHOP"])

import pepperpy_otel  # noqa: E402

telemetry = pepperpy_otel.configure(os.environ["OTEL_SERVICE_NAME"])
sys.path.insert(0, str(SHOP))

import service  # noqa: E402
import storefront  # noqa: E402  (what is imported before the set-up may stay un-instrumented)

health = pepperpy_otel.health
app = storefront.app
_turns = itertools.cycle((True, False))


def heart() -> bool:
    """Fails while the file ``unhealthy`` is there."""
    return not (FAULTS / "unhealthy").exists()


def nerve() -> bool:
    """Fails every other time while the file ``flapping`` is there."""
    return next(_turns) or not (FAULTS / "flapping").exists()


for _name, _check in (("heart", heart), ("nerve", nerve), ("appendix", lambda: True)):
    health.register(_name, _check, interval=0.5, fail_after=1, recover_after=1)


@app.get("/slow/{seconds}")
def slow(seconds: float) -> str:
    """Takes its time, in a thread."""
    time.sleep(seconds)
    return "at last"


@app.get("/stall/{numbers}")
def stall(numbers: int) -> int:
    """Holds the GIL for one long call into C, as code that should not would."""
    return sum(range(numbers))


@app.post("/expect/{name}")
def expect(name: str) -> str:
    """Declare a component that nobody checks."""
    health.expect(name)
    return name


@app.post("/forget/{name}")
def forget(name: str) -> str:
    """Take a check away, as a deployment that lost it would."""
    health.unregister(name)
    return name


if __name__ == "__main__":
    service.serve(app, 8000)
