"""A web server on this machine, with the habits of servers elsewhere: ranges or none, an index, failures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@dataclass
class WebServer:
    """What it serves and how; it notes what it was asked for."""

    files: dict[str, bytes]
    """Path, such as '/docs/a.md', to content."""
    ranges: bool = True
    tells_size: bool = True
    etag: str = '"one"'
    failures: int = 0
    """So many of the next GET requests for a file end in the middle of the answer."""
    status: int = 0
    """The answer to all further requests, where it is given."""
    address: str = ""
    asked: list[str] = field(default_factory=list)
    """Method, path and range of each request."""


@contextmanager
def serve(files: dict[str, bytes]) -> Iterator[WebServer]:
    """A server that runs as long as the context."""
    server = WebServer(files)

    class Handler(_Handler):
        web = server

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    server.address = f"http://127.0.0.1:{http.server_port}"
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    web: WebServer

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        web = self.web
        path = self.path.partition("?")[0]
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", "")) if web.ranges else None
        web.asked.append(f"{self.command} {self.path} {self.headers.get('Range', '')}".strip())
        if web.status:
            self.send_error(web.status)
            return
        if path.endswith("/"):
            self._index(path)
            return
        if any(name.startswith(f"{path}/") for name in web.files):
            self.send_response(301)
            self.send_header("Location", f"{path}/")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if path not in web.files:
            self.send_error(404)
            return
        data = web.files[path]
        begin, end = (int(wanted[1]), int(wanted[2]) + 1) if wanted else (0, len(data))
        piece = data[begin:end]
        self.send_response(206 if wanted else 200)
        if wanted:
            self.send_header("Content-Range", f"bytes {begin}-{begin + len(piece) - 1}/{len(data)}")
        if web.tells_size:
            self.send_header("Content-Length", str(len(piece)))
        if web.etag:
            self.send_header("ETag", web.etag)
        self.end_headers()
        if body and web.failures:
            web.failures -= 1
            piece = piece[: len(piece) // 2]
        if body:
            self.wfile.write(piece)

    def _index(self, path: str) -> None:
        below = {name.removeprefix(path) for name in self.web.files if name.startswith(path)}
        names = sorted({name.partition("/")[0] + ("/" if "/" in name else "") for name in below})
        page = "".join(f'<a href="{name}">{name}</a>\n' for name in ["../", "?C=N;O=D", *names]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(page)

    def log_message(self, format: str, *args: object) -> None:
        pass
