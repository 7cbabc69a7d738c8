"""A program: an OTLP receiver that holds every n-th answer, and tells at the end what it got.

Its own process, so that the one that forks has no thread of it. Prints its port, then waits for a
line on standard input, then prints what arrived as JSON.
"""

from __future__ import annotations

import gzip
import http.server
import itertools
import json
import sys
import threading
import time
from collections import Counter
from concurrent import futures
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

#: Every answer of that number is held so many seconds.
EVERY, HELD = 4, 0.4


class Store:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests = itertools.count(1)
        self.spans: Counter[str] = Counter()
        self.logs: Counter[str] = Counter()
        #: By instance: the largest value of the counter, and its earliest start (ns).
        self.values: dict[str, int] = {}
        self.starts: dict[str, int] = {}

    def take(self, kind: str, body: bytes) -> None:
        with self._lock:
            getattr(self, f"_take_{kind}")(body)
        if next(self._requests) % EVERY == 0:
            time.sleep(HELD)

    def _take_trace(self, body: bytes) -> None:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                self.spans.update(f"{span.name} {span.span_id.hex()}" for span in scope.spans)

    def _take_logs(self, body: bytes) -> None:
        for resource in ExportLogsServiceRequest.FromString(body).resource_logs:
            for scope in resource.scope_logs:
                if scope.scope.name != "forking":  # our health has something to say, too
                    continue
                self.logs.update(record.body.string_value for record in scope.log_records)

    def _take_metrics(self, body: bytes) -> None:
        for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
            attributes = {a.key: a.value.string_value for a in resource.resource.attributes}
            instance = attributes["service.instance.id"]
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    if metric.name == "work":
                        (point,) = metric.sum.data_points
                        value = max(point.as_int, self.values.get(instance, 0))
                        start = point.start_time_unix_nano
                        self.values[instance] = value
                        self.starts[instance] = min(start, self.starts.get(instance, start))


def _serve_http(store: Store) -> int:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            store.take(self.path.rpartition("/")[2].replace("traces", "trace"), body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        request_queue_size = 128
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return int(server.server_address[1])


def _serve_grpc(store: Store) -> int:
    import grpc

    class Services(grpc.GenericRpcHandler):  # type: ignore[misc]
        def service(self, details: Any) -> Any:
            kind = details.method.split(".")[3]  # /opentelemetry.proto.collector.trace.v1.…

            def take(body: bytes, context: Any) -> bytes:
                store.take(kind, body)
                return b""

            return grpc.unary_unary_rpc_method_handler(take)

    server = grpc.server(futures.ThreadPoolExecutor(64), handlers=[Services()])
    port = int(server.add_insecure_port("127.0.0.1:0"))
    server.start()
    globals()["_kept"] = server
    return port


def main() -> None:
    store = Store()
    print((_serve_grpc if sys.argv[1] == "grpc" else _serve_http)(store), flush=True)
    sys.stdin.readline()
    print(json.dumps({k: v for k, v in vars(store).items() if not k.startswith("_")}), flush=True)


if __name__ == "__main__":
    main()
