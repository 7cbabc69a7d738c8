"""One Prometheus page for all workers of a server: values in files that outlive the worker.

Under gunicorn, ``uvicorn --workers`` and the like each process counts for itself, and a scrape
reaches one of them. So each writes what it measures into a file of its own as well, in a directory
that all of them share (``group``), with the measurement and not at intervals (``cells``): a worker
that is killed has written everything. Whoever is scraped adds up what the others have
(``merging``).
``mirror`` is what ties a process's own aggregations to its file.
"""

from __future__ import annotations

from pepperpy_otel.metrics.multiprocess.group import Group, group_of, group_of_this_process
from pepperpy_otel.metrics.multiprocess.mirror import Mirror

__all__ = ["Group", "Mirror", "group_of", "group_of_this_process"]
