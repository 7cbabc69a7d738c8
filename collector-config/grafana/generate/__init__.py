"""Writes the Grafana dashboards of the stack: ``python -m generate`` in collector-config/grafana.

Dashboards are code on Grafana's own typed builders (grafana-foundation-sdk), so that a panel is a
few lines and every panel has a description, a unit and an empty state. What comes out is committed
in ../dashboards; nobody needs this package to run the stack.

The SDK wants Python 3.11, and mypy is told 3.10 here, where it knows of no ``StrEnum``: members are
taken by value (``QueryEditorMode("code")``), which both understand.
"""
