"""What has to change when something is wrong: one question for each fault that the run injects."""

from __future__ import annotations

from typing import NamedTuple


class Symptom(NamedTuple):
    """One fault and where it shows.

    Attributes:
        stage: When it is injected: ``service``, ``refused`` or ``backends``.
        fault: What is wrong.
        promql: One number; none counts as 0.
        least: What it is at least with the fault, or 0 if ...
        most: ... it is to fall to this.
    """

    stage: str
    fault: str
    promql: str
    least: float = 0.0
    most: float | None = None

    def changed(self, before: float, after: float) -> bool:
        """Whether the fault shows, and did not before."""
        if self.most is not None:
            return after <= self.most < before
        return after >= self.least > before


def _storefront(name: str, labels: str = "") -> str:
    return f'{name}{{service_name="storefront"{labels}}}'


def _state(state: str, check: str) -> str:
    labels = f', health_check_name="{check}", health_check_state="{state}"'
    return _storefront("health:component_state:instances", labels)


def _dropped(stage: str, signal: str) -> str:
    labels = f'service_name="inventory", stage="{stage}", signal="{signal}"'
    return f"sum(sdk:dropped:increase5m{{{labels}}})"


_ANSWERED = _storefront("traces_span_metrics_duration_seconds_count")
_IN_TIME = _storefront("traces_span_metrics_duration_seconds_bucket", ', le="0.5"')
_STALLED = _storefront("health_process_stall_seconds_sum", ', health_stall_kind="process"')


SYMPTOMS = [
    Symptom("service", "a critical component is unhealthy", _state("unhealthy", "heart"), 1),
    Symptom("service", "a declared component has no check", _state("unknown", "mailer"), 1),
    Symptom("service", "coverage is below 100 %", _storefront("health:coverage:ratio"), most=0.99),
    Symptom(
        "service",
        "a component flaps",
        _storefront("health:component:transitions15m", ', health_check_name="nerve"'),
        6.5,
    ),
    Symptom(
        "service",
        "a check is gone",
        _storefront("health:component:instances", ', health_check_name="appendix"'),
        most=0,
    ),
    Symptom("service", "requests fail", _storefront("service:errors:ratio_rate5m"), 0.02),
    Symptom(
        "service",
        "the availability budget burns",
        _storefront("slo:current_burn_rate:ratio", ', slo="availability"'),
        14.4,
    ),
    Symptom(
        "service",
        "requests are slow",
        f"sum({_ANSWERED}) - sum({_IN_TIME})",
        8,
    ),
    Symptom(
        "service",
        "the process stands still",
        f"sum({_STALLED})",
        0.5,
    ),
    *(
        Symptom(
            "refused",
            f"the Collector loses {signal}",
            f'sum(collector:lost:increase5m{{signal="{signal}"}})',
            1,
        )
        for signal in ("traces", "metrics", "logs")
    ),
    Symptom(
        "refused",
        "Prometheus rejects samples",
        "sum(prometheus:rejected_samples:increase5m)",
        1,
    ),
    Symptom("refused", "Loki rejects records", "sum(loki:rejected:increase5m)", 1),
    *(
        Symptom("refused", f"{signal} are refused for good", _dropped("exporter", signal), 1)
        for signal in ("traces", "metrics", "logs")
    ),
    *(
        Symptom(
            "backends",
            f"the Collector's queue of {data_type} is full",
            f'max(collector:queue:ratio{{exporter="{exporter}"}})',
            0.81,
        )
        for data_type, exporter in (("traces", "otlp_grpc/jaeger"), ("logs", "otlp_http/loki"))
    ),
    *(
        Symptom(
            "backends",
            f"the Collector refuses {signal}",
            f'sum(collector:refused:rate5m{{signal="{signal}"}})',
            0.01,
        )
        for signal in ("traces", "logs")
    ),
    Symptom(
        "backends",
        "exports of spans fail",
        _storefront(
            "sdk:export_failures:ratio_rate5m", ', otel_component_type="otlp_http_span_exporter"'
        ),
        0.02,
    ),
    Symptom(
        "backends",
        "spans go to the spool",
        _storefront("sdk:spooled:increase10m", ', signal="traces"'),
        101,
    ),
    *(
        Symptom("backends", f"a full queue drops {signal}", _dropped("queue", signal), 1)
        for signal in ("traces", "logs")
    ),
    Symptom(
        "backends",
        "a queue in an application is nearly full",
        'sdk:queue:ratio{service_name="inventory", signal="traces"}',
        0.81,
    ),
    Symptom("backends", "Loki is down", 'up{job="loki"}', most=0),
]
