"""Batches that could not be delivered, on disk: append-only files that outlive ``kill -9``.

``framing`` is the format, ``segment`` one file, ``directory`` its rights and names, ``ownership``
who may touch it, ``shelf`` and ``reader`` what is sent next, ``store`` the caps, ``spool`` the
face. Nothing of it is loaded unless a directory is set.

    >>> from pepperpy_otel.delivery.spool import Spool, SpoolLimits  # doctest: +SKIP
"""

from __future__ import annotations

from pepperpy_otel.delivery.spool.spool import Spool
from pepperpy_otel.delivery.spool.values import SpooledBatch, SpoolLimits

__all__ = ["Spool", "SpoolLimits", "SpooledBatch"]
