"""What the two services share: their set-up, their database, and how they are served."""

from __future__ import annotations

import logging
import os
import sqlite3
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI

_data = tempfile.TemporaryDirectory(prefix="shop-", ignore_cleanup_errors=True)


def prepare(name: str) -> None:
    """Set up telemetry (when asked to) and logging; call it before FastAPI is imported.

    Started by ``opentelemetry-instrument`` or ``pepperpy-otel run``, the shop has nothing to do.
    Started by plain Python with ``SHOP_CONFIGURE=1``, it makes the one call itself.
    """
    if os.environ.get("SHOP_CONFIGURE") == "1":
        import pepperpy_otel

        pepperpy_otel.configure(os.environ.get("OTEL_SERVICE_NAME") or name)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s"
    )
    logging.getLogger("shop").setLevel(logging.DEBUG)
    logging.getLogger("httpx").setLevel(logging.WARNING)


@contextmanager
def database(name: str) -> Iterator[sqlite3.Cursor]:
    """A cursor in one transaction on the service's own SQLite file.

    The statements go through ``cursor.execute()``: that is what the sqlite3 instrumentation
    traces, ``connection.execute()`` passes it by.
    """
    path = Path(os.environ.get("SHOP_DATA") or _data.name) / f"{name}.db"
    with closing(sqlite3.connect(path, timeout=5)) as connection, connection:
        yield connection.cursor()


def serve(app: FastAPI, default_port: int) -> None:
    """Serve until SIGINT or SIGTERM: requests under way are finished, then uvicorn ends."""
    import uvicorn

    uvicorn.run(
        app,
        host=os.environ.get("HOST", "127.0.0.1"),
        port=int(os.environ.get("PORT", default_port)),
        log_config=None,  # the records of uvicorn go to our root logger like all others
        access_log=False,
    )
