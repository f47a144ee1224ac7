"""A message queue of its own process: POST puts, GET takes (waiting a while), GET .../length counts."""

from __future__ import annotations

import queue
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from causeway.demo.shop.plan import HOST

LENGTH_MAX = 10_000
WAIT_S = 2.0


class Broker(ThreadingHTTPServer):
    """Holds one queue in memory; a full queue refuses."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int) -> None:
        super().__init__((HOST, port), _Handler)
        self.messages: queue.Queue[bytes] = queue.Queue(LENGTH_MAX)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Broker

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            self.server.messages.put_nowait(body)
        except queue.Full:
            self._answer(HTTPStatus.TOO_MANY_REQUESTS)
        else:
            self._answer(HTTPStatus.ACCEPTED)

    def do_GET(self) -> None:
        if self.path.endswith("/length"):
            self._answer(HTTPStatus.OK, str(self.server.messages.qsize()).encode())
            return
        try:
            self._answer(HTTPStatus.OK, self.server.messages.get(timeout=WAIT_S))
        except queue.Empty:
            self._answer(HTTPStatus.NO_CONTENT)

    def _answer(self, status: HTTPStatus, body: bytes = b"") -> None:
        self.send_response_only(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
