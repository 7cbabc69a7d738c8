from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pepperpy_otel.demo.traffic import ROUND, Answer, drive


class Shop(BaseHTTPRequestHandler):
    """Answers 409 to the moon, 201 to other orders, and hangs up on teapots."""

    requests: list

    def do_GET(self):
        self.requests.append(("GET", self.path, None))
        self._answer(200)

    def do_POST(self):
        order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.requests.append(("POST", self.path, order))
        if order["sku"] != "teapot":
            self._answer(409 if order["sku"] == "moon" else 201)

    def _answer(self, status):
        self.send_response(status)
        self.send_header("X-Trace-Id", f"trace-{status}")
        self.end_headers()

    def log_message(self, format, *args):
        pass


@pytest.fixture
def shop():
    """A shop that only looks like one."""
    Shop.requests = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Shop) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_every_kind_of_request_is_sent(shop):
    """However short the time, there is an order that goes well and one that does not."""
    told = []

    answers = drive(shop.server_address, 0, told.append, pause=0)

    assert told == answers
    assert [request[2] for request in Shop.requests] == list(ROUND)
    assert [answer.status for answer in answers] == [200, 201, 201, 409, 201, 0]
    assert answers[1] == Answer(201, "trace-201")


def test_it_goes_on_for_the_given_time(shop):
    """More than one round is sent when there is time."""
    answers = drive(shop.server_address, 0.5, lambda answer: None, pause=0.01)

    assert len(answers) > len(ROUND)


def test_nobody_there():
    """A shop that is gone makes answers without a status, not an error."""
    answers = drive(("127.0.0.1", 1), 0, lambda answer: None, pause=0)

    assert answers == [Answer(0)] * len(ROUND)
