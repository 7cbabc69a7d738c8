"""PromQL that several dashboards need; names are those that appear in Prometheus.

Seen in a running stack, not derived: OTLP names with Prometheus' default translation, and
``service_name`` by ``promote_resource_attributes`` in ../../prometheus.yaml.
"""

from __future__ import annotations

#: Every dashboard has a variable ``service``.
SERVICE = 'service_name=~"$service"'
#: A request that a service answered, as the Collector's span_metrics connector counts it.
SERVED = f'{SERVICE}, span_kind="SPAN_KIND_SERVER"'
FAILED = f'{SERVED}, status_code="STATUS_CODE_ERROR"'
#: Alerts of the selected services, and those that are of no service: the Collector's.
FIRING = 'ALERTS{alertstate="firing", service_name=~"$service|"}'
CALLS = "traces_span_metrics_calls_total"
DURATION = "traces_span_metrics_duration_seconds"

#: Health as a number: the worst of many is the maximum. What nobody knows is worse than what is
#: known to limp.
HEALTH_CODES = {"healthy": 1, "degraded": 2, "unknown": 3, "unhealthy": 4}


def rate(metric: str, matchers: str, by: str = "") -> str:
    """A counter's rate a second, summed up.

    Args:
        metric: Name, with ``_total``, ``_count`` or ``_sum``.
        matchers: What stands between the braces.
        by: Labels to keep, comma-separated.
    """
    return f"{_sum(by)}(rate({metric}{{{matchers}}}[$__rate_interval]))"


def share(part: str, whole: str) -> str:
    """One rate through another.

    Where there is a whole and no part, the share is 0, which is a fact and no padding: without
    traffic there is no whole, and the result is empty.
    """
    return f"({part} or 0 * {whole}) / {whole}"


def error_share(by: str = "") -> str:
    """Failed requests through all requests, by span metrics."""
    return share(rate(CALLS, FAILED, by), rate(CALLS, SERVED, by))


def quantile(q: float, histogram: str, matchers: str, by: str = "") -> str:
    """A quantile of a classic histogram over the rate interval.

    Args:
        q: 0 to 1.
        histogram: Name without ``_bucket``.
        matchers: What stands between the braces.
        by: Labels to keep.
    """
    labels = ", ".join(filter(None, ("le", by)))
    return f"histogram_quantile({q:g}, {rate(f'{histogram}_bucket', matchers, labels)})"


def calls_between() -> tuple[str, str]:
    """Calls a second from a selected service or to one, and the share of them that failed.

    One series for each pair, with an ``id`` for Grafana's node graph.
    """
    total, failed = (
        _either_end(f"traces_service_graph_request_{name}total") for name in ("", "failed_")
    )
    return _edges(total), _edges(share(failed, total))


def worst(metric: str, matchers: str, by: str) -> str:
    """The worst state of health by ``HEALTH_CODES``, over whatever is not kept.

    The gauges are one-hot: 1 for the state that is and 0 for the others. Each state's series times
    its code, and the greatest of them, is the state; over instances, the worst one's.

    Args:
        metric: ``health_check_status`` or ``health_group_status``.
        matchers: What stands between the braces, beside the state.
        by: Labels to keep.
    """
    states = " or ".join(
        f'{code} * {metric}{{{matchers}, health_check_state="{state}"}}'
        for state, code in HEALTH_CODES.items()
    )
    return f"max by ({by}) ({states})"


def components(matchers: str) -> str:
    """How many components match, each counted once however many instances report it."""
    one = f"max by (service_name, health_check_name) (health_check_status{{{matchers}}})"
    return f"sum({one})"


def _either_end(counter: str) -> str:
    ends = " or ".join(
        f'rate({counter}{{{end}=~"$service"}}[$__rate_interval])' for end in ("client", "server")
    )
    return f"sum by (client, server) ({ends})"


def _edges(expr: str) -> str:
    return f'label_join({expr}, "id", " → ", "client", "server")'


def _sum(by: str) -> str:
    return f"sum by ({by}) " if by else "sum"
