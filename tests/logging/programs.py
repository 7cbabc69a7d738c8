"""Apps that set up their logging in each of the ways in use, around a call of ``configure()``."""

from __future__ import annotations

import textwrap
from typing import NamedTuple

SPEAK = """
import logging
log = logging.getLogger("shop.orders")
log.debug("debug %d", 1)
log.info("info %d", 2)
log.warning("warning %d", 3)
try:
    1 / 0
except ZeroDivisionError:
    log.exception("error %d", 4)
"""
_DICT = """
CONFIG = {
    "version": 1,
    "formatters": {"f": {"format": "dict %(levelname)s %(message)s"}},
    "handlers": {"h": {"class": "logging.StreamHandler", "formatter": "f"}},
    "root": {"handlers": ["h"], "level": "INFO"},
}
"""
_INI = '''
import io
from logging.config import fileConfig
CONFIG = """
[loggers]
keys=root
[handlers]
keys=h
[formatters]
keys=f
[logger_root]
level=INFO
handlers=h
[handler_h]
class=StreamHandler
formatter=f
args=(sys.stderr,)
[formatter_f]
format=ini %(levelname)s %(message)s
"""
'''

WARNINGS = ["warning 3", "error 4"]
INFOS = ["info 2", *WARNINGS]
ALL = ["debug 1", *INFOS]


class App(NamedTuple):
    """A program.

    Attributes:
        text: What it does before it speaks.
        taken: What reaches the telemetry while levels stay.
        there: Whether our handler is seen on the root logger at the end.
    """

    text: str
    taken: list[str]
    there: bool = True

    @property
    def program(self) -> str:
        """The whole text."""
        return f"import logging\n{textwrap.dedent(self.text)}\n{SPEAK}"


APPS = {
    "nothing set up": App("configure()", WARNINGS),
    "basicConfig before": App("logging.basicConfig(level=logging.INFO)\nconfigure()", INFOS),
    "basicConfig after": App("configure()\nlogging.basicConfig(level=logging.INFO)", INFOS),
    "basicConfig after, imported before": App(
        """
        from logging import basicConfig
        configure()
        basicConfig(level="DEBUG", format="%(levelname)s|%(message)s")
        """,
        ALL,
    ),
    "basicConfig before and after": App(
        """
        logging.basicConfig(format="one %(message)s")
        configure()
        logging.basicConfig(format="two %(message)s", level=logging.DEBUG)
        """,
        WARNINGS,
    ),
    "basicConfig with force": App(
        """
        logging.basicConfig(format="one %(message)s")
        configure()
        logging.basicConfig(format="two %(message)s", force=True, level=logging.INFO)
        """,
        INFOS,
    ),
    "the module functions, which configure": App(
        "configure()\nlogging.warning('first')", ["first", *WARNINGS]
    ),
    "dictConfig before": App(
        f"import logging.config\n{_DICT}\nlogging.config.dictConfig(CONFIG)\nconfigure()", INFOS
    ),
    "dictConfig after": App(
        f"import logging.config\n{_DICT}\nconfigure()\nlogging.config.dictConfig(CONFIG)", INFOS
    ),
    "dictConfig after, imported before": App(
        f"from logging.config import dictConfig\n{_DICT}\nconfigure()\ndictConfig(CONFIG)", INFOS
    ),
    "dictConfig twice, a logger of ours there before": App(
        f"""
import logging.config
logging.getLogger("pepperpy_otel.worker")
{_DICT}
configure()
logging.config.dictConfig({{**CONFIG}})
logging.config.dictConfig({{**CONFIG}})
""",
        INFOS,
    ),
    "dictConfig disables the loggers of the app": App(
        f"""
import logging.config
old = logging.getLogger("old")
{_DICT}
configure()
logging.config.dictConfig(CONFIG)
old.error("never seen")
""",
        INFOS,
    ),
    "fileConfig before": App(
        f"{_INI}\nfileConfig(io.StringIO(CONFIG))\nconfigure()",
        INFOS,
    ),
    "fileConfig after": App(
        f"{_INI}\nconfigure()\nfileConfig(io.StringIO(CONFIG))",
        INFOS,
    ),
    "handlers on a logger that does not propagate": App(
        """
        configure()
        logging.getLogger("shop").addHandler(logging.StreamHandler())
        logging.getLogger("shop").propagate = False
        """,
        [],
    ),
    "a logger without handlers that does not propagate": App(
        "configure()\nlogging.getLogger('shop').propagate = False", []
    ),
    "a handler and a level on a logger below": App(
        """
        configure()
        logging.getLogger("shop").addHandler(logging.StreamHandler())
        logging.getLogger("shop").setLevel(logging.INFO)
        """,
        INFOS,
    ),
    "no last resort": App("logging.lastResort = None\nconfigure()", WARNINGS),
    "root handlers replaced": App(
        """
        configure()
        logging.getLogger().handlers = []
        logging.getLogger().addHandler(logging.StreamHandler())
        """,
        WARNINGS,
        there=False,
    ),
    "only if nobody has set up logging": App(
        """
        configure()
        if not logging.getLogger().handlers:
            logging.basicConfig(format="mine %(message)s")
        """,
        WARNINGS,
    ),
    "only if the logger has no handlers": App(
        """
        configure()
        if not logging.getLogger("shop").hasHandlers():
            logging.getLogger("shop").addHandler(logging.StreamHandler())
        """,
        WARNINGS,
    ),
    "the level of the root logger set afterwards": App(
        "configure()\nlogging.getLogger().setLevel(logging.ERROR)", ["error 4"]
    ),
    "disabled altogether": App("configure()\nlogging.disable(logging.WARNING)", ["error 4"]),
    "warnings captured": App(
        """
        import warnings
        logging.captureWarnings(True)
        configure()
        warnings.warn("old")
        """,
        WARNINGS,
    ),
    "rolled back": App("configure()\nrollback()", [], there=False),
}

FLASK = """
configure()
from flask import Flask
app = Flask("shop")
app.config["PROPAGATE_EXCEPTIONS"] = False

@app.get("/")
def fail():
    app.logger.warning("from the app")
    raise RuntimeError("bad")

app.test_client().get("/")
"""

WERKZEUG = """
import threading, urllib.request
configure()
from werkzeug.serving import make_server

def hello(environ, start_response):
    start_response("204 No Content", [])
    return []

server = make_server("127.0.0.1", 0, hello)
thread = threading.Thread(target=server.handle_request)
thread.start()
urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/").close()
thread.join()
server.server_close()
"""
