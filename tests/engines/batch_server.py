"""A server on this machine with the batch interface of the OpenAI protocol, which fails as it is told."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.engines.loopback import Handler, Json, Loopback, Respond


class _Line:
    """Stands for the connection where one line of a batch is answered."""

    def __init__(self, server: Loopback) -> None:
        self.server = server
        self.response: Json = {}

    def send_json(self, status: int, content: object, **headers: str) -> None:
        self.response = {"status_code": status, "request_id": "r", "body": content}


class BatchHandler(Handler):
    """Files and batches; all else as the server without them."""

    server: BatchServer

    def do_GET(self) -> None:
        self.server.asked.append(f"GET {self.path}")
        parts = self.path.partition("?")[0].split("/")[2:]
        if self.path.startswith("/v1/batches?"):
            self._send_list()
        elif parts[0] == "batches":
            self._send(self.server.batches.get(parts[1]), self.server.look)
        elif parts[0] == "files":
            content = self.server.files.get(parts[1])
            if content is None:
                self.send_json(404, {"error": {"message": "no such file"}})
            elif self.server.cuts_downloads:
                self.server.cuts_downloads -= 1
                self.send_bytes(200, content[: len(content) // 2], promised=len(content))
                self.close_connection = True
            else:
                self.send_bytes(200, content)
        else:
            super().do_GET()

    def do_POST(self) -> None:
        if self.path.startswith("/v1/chat"):
            super().do_POST()
            return
        content, server = self.rfile.read(int(self.headers["Content-Length"])), self.server
        server.asked.append(f"POST {self.path}")
        if server.without:
            self.send_json(server.without, {"error": {"message": "Not Found"}})
        elif self.path == "/v1/files":
            assert b'name="purpose"\r\n\r\nbatch\r\n' in content
            lines = content.partition(b'filename="requests.jsonl"')[2].partition(b"\r\n\r\n")[2]
            self.send_json(200, {"id": server.keep(lines.rpartition(b"\r\n--")[0])})
        else:
            batch = server.begin(json.loads(content))
            if server.begun(self):
                self.send_json(200, batch)

    def _send(self, batch: Json | None, look: Callable[[Json], None]) -> None:
        if batch is None:
            self.send_json(404, {"error": {"message": "no such batch"}})
            return
        with self.server.lock:
            look(batch)
        self.send_json(200, batch)

    def _send_list(self) -> None:
        """Newest first, two on a page."""
        entries = list(reversed(self.server.batches.values()))
        after = self.path.partition("after=")[2]
        names = [batch["id"] for batch in entries]
        begin = names.index(after) + 1 if after else 0
        page = {"data": entries[begin : begin + 2], "has_more": begin + 2 < len(entries)}
        self.send_json(200, page)


class BatchServer(Loopback):
    """Answers the lines of batches as it answers requests.

    Attributes:
        begun: Is called when a batch was begun, before that is said; False where it says it itself, or nothing.
        open: While it is not set, batches stay under way.
        endings: How the first batches end; later ones are completed.
        answered: What each line of a batch was paid for, by its custom_id.
        sizes: Lines of each batch.
        without: The status in place of a batch interface.
    """

    handler = BatchHandler

    def __init__(self, respond: Respond, **options: Any) -> None:
        super().__init__(respond, **options)
        self.begun: Callable[[Handler], bool] = lambda handler: True
        self.open = threading.Event()
        self.open.set()
        self.endings: list[Callable[[list[Json]], Json]] = []
        self.answered: Counter[str] = Counter()
        self.asked: list[str] = []
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, Json] = {}
        self.sizes: list[int] = []
        self.without = self.cuts_downloads = 0

    def keep(self, content: bytes) -> str:
        name = f"file-{len(self.files)}"
        self.files[name] = content
        return name

    def begin(self, wanted: Json) -> Json:
        assert wanted["endpoint"] == "/v1/chat/completions"
        assert wanted["completion_window"] == "24h"
        lines = [json.loads(line) for line in self.files[wanted["input_file_id"]].splitlines()]
        assert len({line["custom_id"] for line in lines}) == len(lines)
        counts = {"total": len(lines), "completed": 0, "failed": 0}
        batch = {"id": f"batch-{len(self.batches)}", "status": "in_progress", "request_counts": counts, "errors": None}
        with self.lock:
            self.batches[batch["id"]] = batch | {"input_file_id": wanted["input_file_id"]}
            self.sizes.append(len(lines))
        return batch

    def look(self, batch: Json) -> None:
        """Brings a batch to its end when somebody asks how far it is."""
        if batch["status"] != "in_progress" or not self.open.is_set():
            return
        lines = [json.loads(line) for line in self.files[batch["input_file_id"]].splitlines()]
        batch |= self.endings.pop(0)(lines) if self.endings else self.complete(lines)

    def complete(self, lines: list[Json], status: str = "completed", lost: int = 0) -> Json:
        """Answers all lines but the last ones, which are never asked."""
        good, bad = [], []
        for line in lines[: len(lines) - lost]:
            assert (line["method"], line["url"]) == ("POST", "/v1/chat/completions")
            place = _Line(self)
            self.bodies.append(line["body"])
            self.respond(place, line["body"])  # type: ignore[arg-type]
            row = {"id": "x", "custom_id": line["custom_id"], "response": place.response, "error": None}
            fine = place.response["status_code"] == 200
            (good if fine else bad).append(row)
            self.answered[line["custom_id"]] += fine
        for line in lines[len(lines) - lost :]:
            error = {"code": f"batch_{status}", "message": "This request could not be executed."}
            bad.append({"id": "x", "custom_id": line["custom_id"], "response": None, "error": error})
        counts = {"total": len(lines), "completed": len(good), "failed": len(bad)}
        names = {
            name: self.keep("".join(json.dumps(row) + "\n" for row in rows).encode())
            for name, rows in (("output_file_id", good), ("error_file_id", bad))
            if rows
        }
        return {"status": status, "request_counts": counts, **names}


def failed(code: str, message: str, line: int | None = None) -> Callable[[list[Json]], Json]:
    """A batch that the server does not take."""
    errors = {"object": "list", "data": [{"code": code, "message": message, "line": line, "param": None}]}
    return lambda lines: {"status": "failed", "errors": errors}
