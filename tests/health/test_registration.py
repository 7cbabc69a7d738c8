"""What is refused at registration: what cannot work is one clear error that names it."""

from __future__ import annotations

import functools
import time
from typing import TYPE_CHECKING, Any

import pytest

from pepperpy_otel.health.registration import is_async

if TYPE_CHECKING:
    from pepperpy_otel.health import HealthChecker


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": "a/b"}, "'a/b' may hold letters"),
        ({"name": ""}, "'' may hold letters"),
        ({"name": 7}, "7 may hold letters"),
        ({"groups": ()}, "'db' is in no group"),
        ({"groups": ("redy",)}, "'db': unknown group 'redy'"),
        ({"groups": "redy"}, "unknown group 'redy'"),
        ({"groups": ("live",)}, "'db': the group 'live' takes local checks only"),
        ({"groups": {"live", "ready"}}, "pass local=True"),
        ({"interval": 1.0, "timeout": 1.0}, "timeout 1 s is not below the interval 1 s"),
        ({"interval": 1.0, "timeout": 2.0}, "not below the interval"),
        ({"timeout": 0}, "'db': timeout=0 is no time in seconds above 0"),
        ({"timeout": "1"}, "'db': timeout='1' is no time"),
        ({"interval": -1}, "'db': interval=-1 is no time in seconds above 0"),
        ({"interval": None}, "'db': interval=None is no time"),
        ({"interval": True}, "'db': interval=True is no time"),
        ({"interval": float("inf"), "timeout": 1}, "'db': interval=inf is no time"),
        ({"interval": float("nan")}, "'db': interval=nan is no time"),
        ({"fail_after": 0}, "'db': fail_after and recover_after are whole numbers from 1 on"),
        ({"recover_after": 0}, "from 1 on, not 0"),
        ({"recover_after": "2"}, "from 1 on, not '2'"),
        ({"isolation": "thread"}, "isolation='thread'; use 'process' or None"),
        ({"isolation": "process"}, "can import by its name"),
    ],
)
def test_bad_registrations_are_refused(
    checker: HealthChecker, options: dict[str, Any], words: str
) -> None:
    """A registration that cannot work is a ValueError that names what is wrong."""
    arguments = {"name": "db", "check": lambda: None, **options}
    with pytest.raises(ValueError, match=words):
        checker.register(**arguments)
    assert "db" not in checker.check_all()


def test_what_cannot_be_called_is_refused(checker: HealthChecker) -> None:
    """A check that is no function is told at once, not at its first run."""
    with pytest.raises(TypeError, match="'db': bool cannot be called"):
        checker.register("db", True)  # type: ignore[arg-type]


def test_groups_that_are_no_names_are_refused(checker: HealthChecker) -> None:
    """What is no collection of names is told in words of health, not of frozenset()."""
    with pytest.raises(TypeError, match="'db': groups=7 are no names; use any of"):
        checker.register("db", lambda: True, groups=7)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="are no names"):
        checker.register("db", lambda: True, groups=[["ready"]])  # type: ignore[list-item]


def test_the_first_registration_of_a_name_stays(checker: HealthChecker) -> None:
    """A duplicate name is refused and changes nothing, whatever kind of component it is."""
    checker.register("db", lambda: True)
    with pytest.raises(ValueError, match="'db' is registered already"):
        checker.register("db", lambda: False)
    with pytest.raises(ValueError, match="'db' is registered already"):
        checker.heartbeat("db")
    with pytest.raises(ValueError, match=r"'health.scheduler' is registered already"):
        checker.register("health.scheduler", lambda: True)
    checker.run(10)
    assert checker.check_component("db").value == "healthy"


@pytest.mark.parametrize(
    ("interval", "timeout"), [(10.0, 2.0), (3.0, 1.5), (0.2, 0.1), (100.0, 2.0)]
)
def test_the_timeout_follows_the_interval(
    checker: HealthChecker, interval: float, timeout: float
) -> None:
    """By default it is the smaller of two seconds and half the interval."""
    checker.register("db", lambda: True, interval=interval)
    assert checker.get_details("db")["timeout"] == timeout


def test_a_probe_may_say_that_it_is_local(checker: HealthChecker) -> None:
    """An object with ``local = True`` may be in live, one group may be given as a string."""

    class Disk:
        local = True

        def __call__(self) -> bool:
            return True

    checker.register("disk", Disk(), groups="live")
    checker.register("memory", lambda: True, groups=["live"], local=True)
    with pytest.raises(ValueError, match="local checks only"):
        checker.register("other", Disk(), groups="live", local=False)
    assert checker.get_details("disk")["groups"] == ["live"]


def test_coroutine_functions_are_known_in_all_their_forms() -> None:
    """Functions, partials and objects; calling any other check may take its time."""

    async def check() -> None:
        """Nothing."""

    class Probe:
        async def __call__(self) -> None:
            """Nothing."""

    assert is_async(check)
    assert is_async(functools.partial(check))
    assert is_async(Probe())
    assert not is_async(Probe)
    assert not is_async(lambda: check())
    assert not is_async(time.time)
