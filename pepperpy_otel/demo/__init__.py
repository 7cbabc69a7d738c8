"""The demo: two small services, what they sent, read back from what was received.

``services`` starts the shop as real processes, ``traffic`` sends real requests, ``receiver`` takes
what comes in by OTLP/HTTP, ``report`` makes lines of it and ``render`` puts them on the terminal;
``session`` plays them in that order.
"""
