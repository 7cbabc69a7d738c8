"""Django is instrumented when it has its settings; Starlette without ASGI noise."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pepperpy_otel.instrumentation import frameworks, loader

if TYPE_CHECKING:
    from tests.instrumentation.conftest import Ledger, Site


class Django:
    """As much of Django as its set-up is."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, configured: bool) -> None:
        self.order: list[str] = []
        self.module: Any = ModuleType("django")
        self.module.__path__ = []
        self.module.setup = self._setup
        self.original = self.module.setup
        conf: Any = ModuleType("django.conf")
        conf.settings = self.settings = SimpleNamespace(configured=configured)
        monkeypatch.setitem(sys.modules, "django", self.module)
        monkeypatch.setitem(sys.modules, "django.conf", conf)

    def _setup(self, set_prefix: bool = True) -> None:
        if not set_prefix:
            raise ValueError("settings are not configured")
        self.settings.configured = True
        self.order.append("setup")


def test_django_is_instrumented_behind_its_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before that its settings must not be touched: empty ones would be made up."""
    django = Django(monkeypatch, configured=False)
    undo = frameworks.after_django_setup(lambda: django.order.append("instrument"))
    assert django.order == []
    django.module.setup()
    assert django.order == ["setup", "instrument"]
    undo()
    assert django.module.setup == django.original


def test_a_set_up_that_fails_is_django_s(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its error comes out, and nothing is instrumented."""
    django = Django(monkeypatch, configured=False)
    frameworks.after_django_setup(lambda: django.order.append("instrument"))
    with pytest.raises(ValueError, match="not configured"):
        django.module.setup(set_prefix=False)
    assert django.order == []


def test_django_that_is_set_up_already(monkeypatch: pytest.MonkeyPatch) -> None:
    """Is instrumented now."""
    django = Django(monkeypatch, configured=True)
    undo = frameworks.after_django_setup(lambda: django.order.append("instrument"))
    assert django.order == ["instrument"]
    undo()
    assert django.module.setup == django.original


def test_somebody_else_s_replacement_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undoing takes back only what is ours."""
    django = Django(monkeypatch, configured=False)
    undo = frameworks.after_django_setup(lambda: None)
    django.module.setup = theirs = lambda: None
    undo()
    assert django.module.setup is theirs


def test_the_loader_waits_for_django_s_settings(
    site: Site, record: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through all of it, with an instrumentation of that name."""
    site.instrumentation("django", "django_stand_in")
    site.distribution("django_stand_in")
    site.module("django_stand_in")
    (site.path / "instrumentation_of_django-1.0.dist-info" / "entry_points.txt").write_text(
        "[opentelemetry_instrumentor]\n"
        "stand_in = opentelemetry.instrumentation.django:Instrumentor\n"
    )
    site.module("made_up", "")
    instrumentor = importlib.import_module("instrumentation_of_django")
    monkeypatch.setitem(sys.modules, "opentelemetry.instrumentation.django", instrumentor)
    django = Django(monkeypatch, configured=False)
    loader.instrument(["stand_in"], record=record)
    importlib.import_module("django_stand_in")
    assert loader.states() == {"stand_in": "waiting for Django's settings"}
    assert instrumentor.calls == []
    django.module.setup()
    assert len(instrumentor.calls) == 1
    record.undo()
    assert instrumentor.calls[1:] == ["uninstrument"]
    assert django.module.setup == django.original


class Middleware:
    def __init__(self, app: Any, exclude_spans: Any = None) -> None:
        self.app, self.exclude_spans = app, exclude_spans


class Instrumentor:
    pass


@pytest.fixture
def starlette(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module of Starlette's instrumentation, as far as it matters."""
    module: Any = ModuleType("starlette_instrumentation")
    module.OpenTelemetryMiddleware = Middleware
    monkeypatch.setitem(sys.modules, "starlette_instrumentation", module)
    monkeypatch.setattr(Instrumentor, "__module__", "starlette_instrumentation")
    return module


def test_starlette_s_events_make_no_spans(starlette: Any) -> None:
    """Unless the app says which; the class is still the one that upstream looks for."""
    undo = frameworks.quiet_starlette(Instrumentor(), ("receive", "send"))
    made = starlette.OpenTelemetryMiddleware("app")
    assert isinstance(made, Middleware)
    assert (made.app, made.exclude_spans) == ("app", ["receive", "send"])
    assert starlette.OpenTelemetryMiddleware("app", exclude_spans=[]).exclude_spans == []
    undo()
    assert starlette.OpenTelemetryMiddleware is Middleware


def test_starlette_is_left_as_it_is(starlette: Any) -> None:
    """When nothing is excluded, or a later version has moved the class."""
    frameworks.quiet_starlette(Instrumentor(), ())()
    assert starlette.OpenTelemetryMiddleware is Middleware
    del starlette.OpenTelemetryMiddleware
    frameworks.quiet_starlette(Instrumentor(), ("send",))()
    assert not hasattr(starlette, "OpenTelemetryMiddleware")


def test_the_loader_quiets_starlette(
    site: Site, record: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through all of it, with an instrumentation of that name."""
    site.instrumentation("stand_in")
    (site.path / "instrumentation_of_stand_in-1.0.dist-info" / "entry_points.txt").write_text(
        "[opentelemetry_instrumentor]\n"
        "stand_in = opentelemetry.instrumentation.starlette:Instrumentor\n"
    )
    module: Any = importlib.import_module("instrumentation_of_stand_in")
    module.OpenTelemetryMiddleware = Middleware
    monkeypatch.setitem(sys.modules, "opentelemetry.instrumentation.starlette", module)
    loader.instrument(["stand_in"], record=record)
    assert module.OpenTelemetryMiddleware("app").exclude_spans == ["receive", "send"]
    record.undo()
    assert module.OpenTelemetryMiddleware is Middleware
