"""`humpback serve` without vLLM: the embedded engine behind a small server of the OpenAI protocol.

For a few people and programs on one machine: requests of one model are answered one after the other. It listens on this
machine alone unless told otherwise, and asks for no key.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from humpback.engines.base import Engine
from humpback.errors import HumpbackError
from humpback.serving.chat import stream
from humpback.serving.models import AnsweringModel
from humpback.serving.protocol import BadRequest, ChatBody, Json, Kind, TextBody, chunk, read_body, reply, usage

_ROUTES: dict[str, tuple[Kind, type[ChatBody] | type[TextBody]]] = {
    "/v1/chat/completions": ("chat.completion", ChatBody),
    "/v1/completions": ("text_completion", TextBody),
}
_MAX_BODY_BYTES = 16 << 20
_LONGEST_ANSWER = 512


@dataclass(frozen=True, slots=True)
class Served:
    """A model with its engine, which answers one request at a time."""

    model: AnsweringModel
    engine: Engine
    lock: threading.Lock = field(default_factory=threading.Lock)


class ModelServer(ThreadingHTTPServer):
    """A port that is taken before models are loaded, and then serves them until it is shut down.

    Args:
        host: Address to listen on.
        port: Its port; 0 takes a free one.

    Raises:
        OSError: The port is taken, or the address is not this machine's.
    """

    daemon_threads = True

    def __init__(self, host: str, port: int) -> None:
        self.served: dict[str, Served] = {}
        super().__init__((host, port), _Handler)

    def serve(self, served: Sequence[Served]) -> None:
        """Answers with these models until `shutdown`. The first answers requests that name none."""
        self.served = {item.model.name: item for item in served}
        self.serve_forever(poll_interval=0.1)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    server: ModelServer

    def do_GET(self) -> None:
        if self.path != "/v1/models":
            self._refuse(404, f"no such address: {self.path}")
            return
        models = [
            {"id": name, "object": "model", "created": 0, "owned_by": "humpback", "root": served.model.identity}
            for name, served in self.server.served.items()
        ]
        self._send(200, {"object": "list", "data": models})

    def do_POST(self) -> None:
        size = self.headers.get("Content-Length", "")
        if not size.isdecimal() or int(size) > _MAX_BODY_BYTES:
            self.close_connection = True  # the body is not read, and would be taken for the next request
            self._refuse(413 if size.isdecimal() else 411, f"send a body of at most {_MAX_BODY_BYTES:,} bytes")
            return
        content = self.rfile.read(int(size))
        if self.path not in _ROUTES:
            self._refuse(404, f"no such address: {self.path}")
            return
        kind, body_type = _ROUTES[self.path]
        try:
            self._answer(kind, read_body(content, body_type))
        except BadRequest as error:
            self._refuse(400, str(error))
        except OSError:
            self.close_connection = True  # whoever asked is gone

    def _answer(self, kind: Kind, body: ChatBody | TextBody) -> None:
        name = body.model or next(iter(self.server.served))
        served = self.server.served.get(name)
        if served is None:
            self._refuse(404, f"no model {name}: there is {', '.join(self.server.served)}")
            return
        longest = min(_LONGEST_ANSWER, served.model.settings.max_tokens // 2)
        request = body.request(served.model.tags, longest)
        prefix = "chatcmpl" if kind == "chat.completion" else "cmpl"
        head: Json = {"id": f"{prefix}-{secrets.token_hex(12)}", "created": int(time.time())}
        is_streaming = False

        def show(piece: str) -> None:
            nonlocal is_streaming
            if body.stream and piece:
                is_streaming = is_streaming or self._begin_stream()
                self._send_event(chunk(piece, kind, served.model.name, head))

        with served.lock:
            try:
                completion = stream(served.engine, request, show)
            except HumpbackError as error:
                # The template refuses the conversation, or the memory does not suffice.
                raise BadRequest(str(error)) from None
        if completion.error:
            raise BadRequest(completion.error)
        if not body.stream:
            self._send(200, reply(completion, kind, served.model.name, head))
            return
        if not is_streaming:
            self._begin_stream()
        last = chunk("", kind, served.model.name, head, completion.finish_reason)
        self._send_event(last)
        if (body.stream_options or {}).get("include_usage"):
            self._send_event({**last, "choices": [], "usage": usage(completion)})
        self.wfile.write(b"data: [DONE]\n\n")

    def _begin_stream(self) -> bool:
        self.close_connection = True  # a stream ends with its connection
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-cache")
        self.send_header("Connection", "close")
        self.end_headers()
        return True

    def _send_event(self, content: Json) -> None:
        self.wfile.write(f"data: {json.dumps(content)}\n\n".encode())

    def _refuse(self, status: int, message: str) -> None:
        error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
        self._send(status, {"error": error})

    def _send(self, status: int, content: Json) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: what people ask is not to be in a log."""
