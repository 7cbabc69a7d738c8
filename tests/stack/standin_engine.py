"""A stand-in for docker, docker-compose and podman: notes what it is asked, answers as it is told.

Beside it lies ``answers.json``: for each command of compose (``ps``, ``up`` …) the answers in turn,
the last one again and again; and ``calls.jsonl``, one line for each call.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
WORDS = ("version", "info", "ls", "config", "ps", "up", "down", "logs", "run")


def main():
    """Note the call, say the answer."""
    word = next(each for each in sys.argv[1:] if each in WORDS)
    variables = {k: v for k, v in os.environ.items() if k.startswith(("STACK_", "COMPOSE_"))}
    with (HERE / "calls.jsonl").open("a") as calls:
        calls.write(json.dumps([[Path(sys.argv[0]).name, *sys.argv[1:]], variables]) + "\n")
    file = HERE / "answers.json"
    answers = json.loads(file.read_text())
    turns = answers.get(f"{Path(sys.argv[0]).name} {word}") or answers.get(word) or [[0, "", ""]]
    status, out, err = turns[0]
    if len(turns) > 1:
        del turns[0]
        part = HERE / f"answers.{os.getpid()}"
        part.write_text(json.dumps(answers))
        part.replace(file)
    if status in ("hang", "deaf"):
        if status == "deaf":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(60)
    elif isinstance(status, float):
        time.sleep(status)
        status = 0
    print(out, end="")
    print(err, end="", file=sys.stderr)
    return status


sys.exit(main())
