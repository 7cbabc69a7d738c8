"""A process that spools and replays until it is killed: the other half of test_processes.py.

    python worker.py DIRECTORY LOG NAME BATCHES

It writes a line to its log for each batch that is safe (``+``) and for each that it delivered
(``-``), each in one write, so that the log is exact up to the kill. With BATCHES=0 it only
replays what is there, and ends when nothing came for a while.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from pepperpy_otel.delivery.spool import Spool, SpoolLimits


def main(directory: str, log: str, name: str, batches: int) -> None:
    fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    spool = Spool(
        Path(directory),
        "otlp",
        limits=SpoolLimits(segment_bytes=20_000),
        warn=lambda message, *args: os.write(fd, f"! {message % args}\n".encode()),
        on_lost=lambda *loss: os.write(fd, f"! {loss}\n".encode()),
    )
    for number in range(batches):
        text = f"{name}:{number}"
        if spool.append("traces", text.encode() + b" " + os.urandom(600), 1):
            os.write(fd, f"+ {text}\n".encode())
        if number % 4 == 0:
            deliver(spool, fd)
    while deliver(spool, fd):
        pass
    spool.close()
    os.write(fd, b"= ended\n")


def deliver(spool: Spool, fd: int) -> bool:
    batch = spool.oldest()
    if batch is None:
        return False
    os.write(fd, b"- " + batch.body.split(b" ", 1)[0] + b"\n")
    time.sleep(0)
    spool.done(batch)
    return True


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
