"""Servers on this machine to try the client on: one with a real model behind it, and ones that misbehave as told."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import torch

from humpback.config import ModelSettings
from humpback.engines.openai import OpenAIEngine
from humpback.engines.transformers import TransformersEngine
from humpback.models.template import TooLong
from humpback.requests import Completion, Message, Part, Request, Sampling
from tests.engines.contract import ask

Json = dict[str, Any]


class Handler(BaseHTTPRequestHandler):
    """One connection. What it answers is the server's `respond`."""

    protocol_version = "HTTP/1.1"
    server: Loopback

    def do_GET(self) -> None:
        self.send_json(*self.server.models)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = self.server
        with server.lock:
            server.bodies.append(body)
            server.headers.append(dict(self.headers))
            server.times.append(time.monotonic())
            server.under_way += 1
            server.most_under_way = max(server.most_under_way, server.under_way)
        try:
            server.respond(self, body)
        except OSError:
            self.close_connection = True  # the client gave up
        finally:
            with server.lock:
                server.under_way -= 1

    def send_json(self, status: int, content: object, **headers: str) -> None:
        self.send_bytes(status, json.dumps(content).encode(), **headers)

    def send_bytes(self, status: int, content: bytes, *, promised: int | None = None, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content) if promised is None else promised))
        self.end_headers()
        self.wfile.write(content)

    def reset(self) -> None:
        """Ends the connection with RST rather than FIN."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def log_message(self, *args: object) -> None:
        """Nothing on the screen."""


Respond = Callable[[Handler, Json], None]


class Loopback(ThreadingHTTPServer):
    """A server whose chat completions are answered by a function."""

    daemon_threads = True
    handler: type[Handler] = Handler

    def __init__(self, respond: Respond, models: object = None, status: int = 200, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), self.handler)
        self.respond = respond
        self.models = (status, models or {"data": [{"id": "m", "owned_by": "me"}]})
        self.bodies: list[Json] = []
        self.headers: list[dict[str, str]] = []
        self.times: list[float] = []
        self.under_way = self.most_under_way = 0
        self.lock = threading.Lock()
        self.ended = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that breaks is what is tried here."""


@contextmanager
def serving(server: Loopback) -> Iterator[Loopback]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()


def reply(text: str = "Fine.", *, finish: str = "stop", **more: object) -> Json:
    """A chat completion as it should be."""
    places = [{"token": text[i : i + 4], "logprob": -0.5, "top_logprobs": []} for i in range(0, len(text), 4)]
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text},
        "finish_reason": finish,
        "logprobs": {"content": places},
    }
    usage = {"prompt_tokens": 10, "completion_tokens": len(places), "total_tokens": 10 + len(places)}
    return {"object": "chat.completion", "choices": [choice], "usage": usage, **more}


def choice(**changes: object) -> Json:
    """A chat completion with something else in its choice."""
    answer = reply()
    answer["choices"][0] |= changes
    return answer


def status(code: int, said: object = "", **headers: str) -> Respond:
    """Answers with a status and an error as servers write it."""
    return lambda handler, body: handler.send_json(code, {"error": {"message": said}}, **headers)


def given(answer: object) -> Respond:
    """Answers with this."""
    return lambda handler, body: handler.send_json(200, answer)


def settings(url: str | list[str], **server: object) -> ModelSettings:
    """Settings for a server on this machine."""
    chosen = {"base_url": url, "retries": 3, "timeout": 20.0} | server
    return ModelSettings.model_validate({"name": "m", "engine": "openai", "server": chosen})


def open_on(server: Loopback, first_wait: float = 0.02, **more: object) -> OpenAIEngine:
    """An engine that waits little between tries."""
    return OpenAIEngine(settings(server.url, **more), first_wait=first_wait)


def requests(number: int) -> list[Request]:
    """Requests r0, r1, ..., each with its number in its question."""
    return [Request(f"r{i}", ask(f"Question {i}?"), Sampling(8)) for i in range(number)]


def answers(server: Loopback, number: int = 1, first_wait: float = 0.02, **options: object) -> dict[str, Completion]:
    """What becomes of some requests, by id."""
    engine = open_on(server, first_wait, **options)
    try:
        return {answer.id: answer for answer in engine.generate(requests(number))}
    finally:
        engine.close()


class Model:
    """A small model behind a server that answers as vLLM does, its log-probabilities of prompts included."""

    def __init__(self, engine: TransformersEngine, limit: int) -> None:
        self._engine, self._limit = engine, limit
        self._lock = threading.Lock()

    @classmethod
    def of(cls, folder: Any, limit: int = 600) -> Model:
        settings = ModelSettings(name="m", device="cpu", max_tokens=limit)
        return cls(TransformersEngine(folder, "m", settings), limit)

    def __call__(self, handler: Handler, body: Json) -> None:
        messages = tuple(Message(turn["role"], (Part(turn["content"]),)) for turn in body["messages"])
        begun = ""
        if not body.get("add_generation_prompt", True):
            assert messages[-1].role == "assistant"
            *before, last = messages
            messages, begun = tuple(before), last.text
        template = self._engine.template
        with self._lock:
            try:
                ids = template.prompt(messages, begun, self._limit - body["max_tokens"])
            except TooLong:
                asked = len(template.prompt(messages, begun, 10**9)) + body["max_tokens"]
                said = f"This model's maximum context length is {self._limit} tokens. However, you requested {asked}."
                handler.send_json(400, {"error": {"message": said, "type": "BadRequestError", "code": 400}})
                return
            if begun and not body["continue_final_message"]:
                ids = (*ids, *template.end_ids)
            handler.send_json(200, self._answer(body, messages, begun, ids))

    def _answer(self, body: Json, messages: tuple[Message, ...], begun: str, ids: tuple[int, ...]) -> Json:
        if "prompt_logprobs" in body or "top_logprobs" in body:
            return self._read(body, ids)
        sampling = Sampling(body["max_tokens"], body["temperature"], body["top_p"], body["seed"])
        (written,) = self._engine.generate([Request("r", messages, sampling, begun)])
        count = written.completion_tokens
        answer = reply(written.text, finish=written.finish_reason)
        place = {"token": "?", "logprob": written.log_probability / count, "top_logprobs": []}
        answer["choices"][0]["logprobs"] = {"content": [place] * count}
        answer["usage"] = {"prompt_tokens": written.prompt_tokens, "completion_tokens": count}
        return answer

    def _read(self, body: Json, ids: tuple[int, ...]) -> Json:
        with torch.inference_mode():
            values = self._engine._open_model().network(torch.tensor([ids])).logits[0].float().log_softmax(-1)
        answer = reply("x", finish="length")
        answer["usage"] = {"prompt_tokens": len(ids), "completion_tokens": 1}
        decode = self._engine.template.tokens
        if "top_logprobs" in body:
            best = values[-1].topk(body["top_logprobs"])
            found = zip(decode(best.indices.tolist()), best.values.tolist(), strict=True)
            top = [{"token": token, "logprob": value} for token, value in found]
            answer["choices"][0]["logprobs"] = {"content": [{**top[0], "top_logprobs": top}]}
        if "prompt_logprobs" in body:
            entries: list[object] = [None]
            for place, token in enumerate(ids[1:]):
                likeliest = int(values[place].argmax())
                entries.append(
                    {str(one): {"logprob": float(values[place, one]), "rank": 1} for one in (token, likeliest)}
                )
            answer["prompt_logprobs"] = entries
        return answer
