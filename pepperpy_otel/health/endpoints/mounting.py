"""One line for each framework: ``health.mount(app)`` for FastAPI, Starlette and Flask.

Django has no app object to hand over; there it is one line in ``urls.py``::

    urlpatterns = [path("", include("pepperpy_otel.health.endpoints.django")), ...]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def mount(app: Any, asgi: Callable[[Any], Any], wsgi: Callable[[Any], Any]) -> None:
    """Put the health paths in front of ``app``, its own routes untouched.

    Args:
        app: A FastAPI or Starlette app (before it serves) or a Flask app.
        asgi: Makes the ASGI app in front of another one.
        wsgi: Likewise for WSGI.

    Raises:
        TypeError: It is neither.
    """
    if hasattr(app, "add_middleware") and hasattr(app, "router"):
        app.add_middleware(asgi)
    elif callable(getattr(app, "wsgi_app", None)):
        app.wsgi_app = wsgi(app.wsgi_app)
    else:
        raise TypeError(
            f"health.mount() takes a FastAPI, Starlette or Flask app, not {type(app).__name__}; "
            "put health.asgi(app) or health.wsgi(app) around it"
        )
