"""``python -m pepperpy_otel.cli``: the console where its script is not on PATH."""

from __future__ import annotations

import sys

from pepperpy_otel.cli import main

sys.exit(main())
