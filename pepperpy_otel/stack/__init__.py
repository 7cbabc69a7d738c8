"""``pepperpy-otel stack``: Collector, Jaeger, Prometheus, Loki and Grafana on this machine.

Two ways lead to the same configurations (``files`` finds them): containers (``engine`` finds Docker
or Podman, ``compose`` speaks to it) and plain processes (``binaries``, ``servers``, ``daemon``,
``processes``). What both share: ``variables`` (ports and other choices), ``state`` (what was chosen
at ``up``, for the commands after it), ``ports``, ``urls`` and ``rows`` (what is shown).
"""
