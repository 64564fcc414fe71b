"""A hub on this machine: what `huggingface_hub` and `datasets` ask of one, for data sets held in memory."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote

REVISION = "0123456789abcdef0123456789abcdef01234567"


@contextmanager
def serve_hub(name: str, files: dict[str, bytes]) -> Iterator[tuple[str, list[str]]]:
    """The address of a hub with one data set, and the list of what it was asked."""
    asked: list[str] = []

    class Handler(_Handler):
        repository = name
        content = files
        log = asked

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_port}", asked
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def _oid(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    repository: str
    content: dict[str, bytes]
    log: list[str]
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        self.log.append(f"POST {self.path}")
        path = unquote(self.path.partition("?")[0])
        if path.startswith(f"/api/datasets/{self.repository}/paths-info/"):
            self._json([self._entry(name) for name in body["paths"] if name in self.content])
        else:
            self._missing("EntryNotFound")

    def _answer(self) -> None:
        self.log.append(f"{self.command} {self.path} {self.headers.get('Range', '')}".strip())
        path = unquote(self.path.partition("?")[0])
        tree = re.fullmatch(rf"/api/datasets/{self.repository}/tree/[^/]+/?(.*)", path)
        stored = re.fullmatch(rf"/datasets/{self.repository}/resolve/[^/]+/(.+)", path)
        if re.fullmatch(rf"/api/datasets/{self.repository}(?:/revision/[^/]+)?", path):
            siblings = [{"rfilename": name} for name in self.content]
            self._json({"id": self.repository, "sha": REVISION, "siblings": siblings, "tags": [], "private": False})
        elif tree:
            self._json(self._tree(tree[1], recursive="recursive=true" in self.path.lower()))
        elif stored and stored[1] in self.content:
            self._file(self.content[stored[1]])
        else:
            known = stored or path.startswith(f"/api/datasets/{self.repository}/")
            self._missing("EntryNotFound" if known else "RepoNotFound")

    def _entry(self, name: str) -> dict[str, object]:
        data = self.content[name]
        return {"type": "file", "oid": _oid(data), "size": len(data), "path": name}

    def _tree(self, folder: str, recursive: bool) -> list[dict[str, object]]:
        base = f"{folder}/" if folder else ""
        below = [name for name in self.content if name.startswith(base)]
        if recursive:
            return [self._entry(name) for name in below]
        found: list[dict[str, object]] = [self._entry(name) for name in below if "/" not in name.removeprefix(base)]
        folders = {base + name.removeprefix(base).partition("/")[0] for name in below if "/" in name.removeprefix(base)}
        return found + [{"type": "directory", "oid": _oid(name.encode()), "size": 0, "path": name} for name in folders]

    def _json(self, value: object) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _missing(self, code: str) -> None:
        self._send(404, b"{}", {"X-Error-Code": code, "Content-Type": "application/json"})

    def _file(self, data: bytes) -> None:
        headers = {"ETag": f'"{_oid(data)}"', "X-Repo-Commit": REVISION, "Accept-Ranges": "bytes"}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not wanted:
            self._send(200, data, headers)
            return
        begin, end = int(wanted[1]), int(wanted[2] or len(data) - 1) + 1
        piece = data[begin:end]
        self._send(206, piece, headers | {"Content-Range": f"bytes {begin}-{begin + len(piece) - 1}/{len(data)}"})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass
