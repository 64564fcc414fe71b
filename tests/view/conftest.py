"""A run that is looked at, a server of its page, and a real browser."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import uvicorn

import humpback
from humpback.runs.store import Run
from humpback.view.access import Access
from humpback.view.app import make_app
from humpback.view.site import Site
from tests.corpus_fixtures import TOPICS, paragraph

CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with the fake engine; its settings lie beside it."""
    folder = tmp_path_factory.mktemp("looked-at")
    (folder / "docs").mkdir()
    for number, topic in enumerate(TOPICS):
        parts = (
            f"## How to work with {topic}, part {part}\n\n{paragraph(topic, number + 5 * part)}" for part in (1, 2)
        )
        text = f"# About {topic}\n\nShort.\n\n" + "\n\n".join(parts)
        (folder / "docs" / f"{topic}.md").write_text(text, encoding="utf-8")
    rows = ({"instruction": f"What is {topic}?", "response": f"It is {topic}."} for topic in TOPICS * 2)
    (folder / "seed.jsonl").write_text("".join(json.dumps(row | {"n": n}) + "\n" for n, row in enumerate(rows)))
    text = f"""
run: {{shard_rows: 4}}
model: {{engine: fake}}
seed: {{source: {folder}/seed.jsonl, holdout_min: 4}}
corpus: {{documents: [{folder}/docs], segment: {{min_chars: 300, max_chars: 1200}}}}
curate: {{select: {{top_share: 0.5}}}}
"""
    (folder / "run.yaml").write_text(text)
    humpback.run(str(folder / "run.yaml"), folder / "run")
    return folder


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    """A run of one's own to decide on."""
    shutil.copytree(finished / "run", tmp_path / "run")
    return tmp_path / "run"


class Served:
    """A page that is being served."""

    def __init__(self, runs: list[Path], **options: Any) -> None:
        self.site = Site([Run(path) for path in runs], **options)
        self.access: Access = make_app(self.site)
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        self._server = uvicorn.Server(uvicorn.Config(self.access, log_level="warning", lifespan="off", ws="none"))
        self._thread = threading.Thread(target=self._server.run, args=([listening],), daemon=True)
        self._thread.start()

    def link(self) -> str:
        """A link that works once."""
        return f"{self.url}/?token={self.access.new_token()}"

    def close(self) -> None:
        """Ends it."""
        self._server.should_exit = True
        self._thread.join()


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    """Serves runs; what was served is ended with the test."""
    servers: list[Served] = []

    def start(*runs: Path, **options: Any) -> Served:
        servers.append(Served(list(runs), **options))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The browser of this machine."""
    if CHROMIUM is None:
        pytest.skip("no Chromium here")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Client:
    """A browser without pages: what it sends and what comes back."""

    def __init__(self, served: Served) -> None:
        self._host, self._port = served.url.removeprefix("http://").split(":")
        self.cookie = ""
        status, headers, _ = self.ask("GET", "/?token=" + served.access.new_token())
        assert status == 303
        self.cookie = headers["set-cookie"].partition(";")[0]

    def ask(self, method: str, path: str, body: str = "", **headers: str) -> tuple[int, dict[str, str], str]:
        """Status, headers and text of an answer."""
        connection = http.client.HTTPConnection(self._host, int(self._port))
        sent = {"cookie": self.cookie, "content-type": "application/x-www-form-urlencoded", **headers}
        connection.request(method, path, body.encode() or None, sent)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, text

    def get(self, path: str) -> str:
        """A page that is there."""
        status, _, text = self.ask("GET", path)
        assert status == 200, text
        return text

    def post(self, path: str, **fields: str) -> str:
        """Sends a form as the page itself does; where it leads to."""
        origin = f"http://{self._host}:{self._port}"
        status, headers, text = self.ask("POST", path, urlencode(fields), origin=origin)
        assert status == 303, text
        return headers["location"]

    def name(self, annotator: str) -> None:
        """Says who is looking."""
        origin = f"http://{self._host}:{self._port}"
        _, headers, _ = self.ask("POST", "/annotator", urlencode({"annotator": annotator}), origin=origin)
        self.cookie += "; " + headers["set-cookie"].partition(";")[0]
