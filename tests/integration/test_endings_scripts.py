"""Scripts that a signal ends: what they have finished arrives, and they end as without us."""

import signal
from pathlib import Path

import pytest

from tests.integration import endings

pytestmark = [pytest.mark.integration, pytest.mark.slow]

SPANS = """
import asyncio, faulthandler, os, signal, sys, threading, time
def work(name, count=1):
    for _ in range(count):
        with tracer.start_as_current_span(name):
            pass
"""
WAIT = """
work("before", 300)
print("ready", flush=True)
while True:
    time.sleep(60)
"""
#: Programs that say "ready" and wait; "before" is finished 300 times by then.
PROGRAMS = {
    "none of its own": WAIT,
    "waits for a thread": """
work("before", 300)
threading.Thread(target=time.sleep, args=(60,)).start()
print("ready", flush=True)
""",
    "waits in asyncio": """
async def main():
    work("before", 300)
    print("ready", flush=True)
    try:
        await asyncio.sleep(60)
    finally:
        work("after")
        print("finally", flush=True)
asyncio.run(main())
""",
    "a handler that exits": """
def handler(number, frame):
    work("after")
    sys.exit(9)
signal.signal(NUMBER, handler)
"""
    + WAIT,
    "a handler that dies of the signal": """
def handler(number, frame):
    work("after")
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
signal.signal(NUMBER, handler)
"""
    + WAIT,
    "a handler that calls the one before": """
before = signal.getsignal(NUMBER)
def handler(number, frame):
    work("after")
    print(before, flush=True)
    signal.signal(number, before)
    signal.raise_signal(number)
signal.signal(NUMBER, handler)
"""
    + WAIT,
    "a loop's own handler": """
async def main():
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(NUMBER, stop.set)
    work("before", 300)
    print("ready", flush=True)
    await stop.wait()
    work("after")
asyncio.run(main())
""",
    "a loop's own handler, removed": """
async def main():
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(NUMBER, stop.set)
    work("before", 300)
    print("ready", flush=True)
    await stop.wait()
    work("after")
    loop.remove_signal_handler(NUMBER)
    os.kill(os.getpid(), NUMBER)
    await asyncio.sleep(60)
asyncio.run(main())
""",
    "faulthandler": "faulthandler.enable(); faulthandler.register(signal.SIGUSR1)\n" + WAIT,
    "the default by name": "signal.signal(NUMBER, signal.SIG_DFL)\n" + WAIT,
    "an exit hook": """
import atexit
atexit.register(print, "hook", flush=True)
"""
    + WAIT,
}
AFTER = {name for name, source in PROGRAMS.items() if 'work("after")' in source}
_PLAIN: dict[tuple[str, int], endings.Left] = {}


def _run(
    way: str, source: str, directory: Path, number: int = signal.SIGTERM, **settings: str
) -> endings.Left:
    path = directory / "program.py"
    path.write_text(endings.HEAD + SPANS + source.replace("NUMBER", str(int(number))))

    def drive(program: endings.Program) -> int:
        program.wait_for("ready")
        return program.end(number)

    return endings.finish(way, endings.python(path), directory, drive, **settings)


def _without_us(name: str, number: int, directory: Path) -> endings.Left:
    if (name, number) not in _PLAIN:
        (directory / "plain").mkdir()
        _PLAIN[name, number] = _run("nothing", PROGRAMS[name], directory / "plain", number)
    return _PLAIN[name, number]


def _last_lines(left: endings.Left) -> list[str]:
    """What it says, without the places in files."""
    return [line for line in left.output.splitlines() if "File " not in line and "^" not in line]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_script_keeps_all_and_ends_as_without_us(name: str, number: int, tmp_path: Path) -> None:
    """Whatever handlers it has, or sets later, or none."""
    plain = _without_us(name, number, tmp_path)

    left = _run("configure", PROGRAMS[name], tmp_path, number)

    after = (name in AFTER and "asyncio" not in name) or "finally" in plain.output
    assert left.spans == {"before": 300, **({"after": 1} if after else {})}, left.output
    assert left.status == plain.status
    assert _last_lines(left) == _last_lines(plain)


@pytest.mark.parametrize("way", ["instrument", "run"])
@pytest.mark.parametrize("name", ["none of its own", "a handler that dies of the signal"])
def test_a_script_under_a_launcher(name: str, way: str, tmp_path: Path) -> None:
    """Likewise without a line in the code."""
    plain = _without_us(name, signal.SIGTERM, tmp_path)

    left = _run(way, PROGRAMS[name], tmp_path)

    assert left.spans["before"] == 300, left.output
    assert left.status == plain.status == -signal.SIGTERM


@pytest.mark.parametrize("way", ["configure", "run"])
def test_a_module(way: str, tmp_path: Path) -> None:
    """``python -m``."""
    (tmp_path / "program.py").write_text(endings.HEAD + SPANS + WAIT)

    def drive(program: endings.Program) -> int:
        program.wait_for("ready")
        return program.end()

    command = [endings.python(tmp_path)[0], "-m", "program"]
    left = endings.finish(way, command, tmp_path, drive)

    assert (left.status, left.spans) == (-signal.SIGTERM, {"before": 300}), left.output


def test_an_ignored_signal_is_ignored(tmp_path: Path) -> None:
    """SIG_IGN is what the app wants."""
    source = """
signal.signal(NUMBER, signal.SIG_IGN)
print("ready", flush=True)
while not os.path.exists("go"):
    time.sleep(0.01)
work("after")
"""
    path = tmp_path / "program.py"
    path.write_text(endings.HEAD + SPANS + source.replace("NUMBER", "15"))

    def drive(program: endings.Program) -> int:
        program.wait_for("ready")
        program.process.send_signal(signal.SIGTERM)
        (tmp_path / "go").touch()
        return program.wait()

    left = endings.finish("configure", endings.python(path), tmp_path, drive)
    assert (left.status, left.spans) == (0, {"after": 1}), left.output


def test_what_other_threads_do_at_the_end(tmp_path: Path) -> None:
    """``sys.exit()`` in a thread ends the thread; a daemon thread is cut off where it is."""
    source = """
def leave():
    work("left")
    sys.exit(5)
def stay():
    work("daemon")
    with tracer.start_as_current_span("unfinished"):
        time.sleep(60)
thread = threading.Thread(target=leave)
thread.start()
threading.Thread(target=stay, daemon=True).start()
thread.join()
print("ready", flush=True)
"""
    path = tmp_path / "program.py"
    path.write_text(endings.HEAD + SPANS + source)
    left = endings.finish("configure", endings.python(path), tmp_path, endings.Program.wait)

    assert (left.status, left.output) == (0, "ready\n")
    assert left.spans == {"left": 1, "daemon": 1}
