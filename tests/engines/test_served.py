"""A server in place of a model on this machine: the settings, the commands, and what a run says of it."""

import json
import os

import pytest

from humpback import models
from humpback.config import ModelSettings
from humpback.errors import ConfigError
from humpback.method.settings_file import parse_config, resolved
from tests.cli.test_cli import humpback, mistake, rows
from tests.engines.loopback import Loopback, reply, serving

URL = "http://127.0.0.1:9/v1"
SECRET = "Secret0123456789"


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ({"name": "m"}, "needs server.base_url"),
        ({"server": {"base_url": URL}}, "what the server calls the model"),
        ({"name": "m", "server": {"base_url": f"localhost:8000/{SECRET}"}}, "model.server.base_url is no address"),
        ({"name": "m", "server": {"base_url": f"http://me:{SECRET}@host/v1"}}, "may hold no name, password or query"),
        ({"name": "m", "server": {"base_url": f"http://{SECRET}@host/v1"}}, "may hold no name, password or query"),
        ({"name": "m", "server": {"base_url": f"{URL}?key={SECRET}"}}, "may hold no name, password or query"),
        ({"name": "m", "server": {"base_url": URL, "api_key_env": f"sk-{SECRET}"}}, "api_key_env is not the name"),
        ({"name": "m", "server": {"base_url": URL, "api_key_env": f"gsk_{SECRET}"}}, "api_key_env is not the name"),
        ({"name": "m", "server": {"base_url": URL, "extra_body": {"stream": True, "n": 3}}}, "cannot change n, stream"),
    ],
)
def test_settings_that_cannot_be_are_one_line_without_a_key(model, expected):
    with pytest.raises(ConfigError, match=expected) as caught:
        parse_config(json.dumps({"model": {"engine": "openai"} | model}), "x.yaml")
    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_served_model_has_a_name_a_place_and_no_known_licence(tmp_path):
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n", encoding="utf-8")
    served = ModelSettings.model_validate({"engine": "openai", "name": str(tmp_path), "server": {"base_url": URL}})
    assert models.identify(served) == f"{tmp_path}@127.0.0.1:9"
    assert models.licence(served).name == ""  # a folder here of that name is another model
    assert not models.is_hub_id(served)
    with pytest.raises(ConfigError, match="cannot be trained"):
        models.resolve(served)


def test_settings_go_through_a_file_and_back():
    text = f"model: {{engine: openai, name: m, server: {{base_url: '{URL}/', extra_body: {{top_k: 1, seed: null}}}}}}"
    config = parse_config(text, "x.yaml")
    assert config.model.server.base_url == URL
    assert parse_config(resolved(config), "again") == config


def test_a_run_says_at_once_that_it_cannot_train_a_server(config_file, tmp_path):
    changes = ("--set", "model.engine=openai", "--set", "model.name=m", "--set", f"model.server.base_url={URL}")
    for command in ("plan", "run"):
        line = mistake(command, config_file, "--out", tmp_path / "run", *changes)
        assert "a server's cannot be trained" in line
        assert "name the server's model as models.writer and models.rater" in line
    assert not (tmp_path / "run").exists()


def test_instructions_and_ratings_from_a_server(tmp_path, monkeypatch):
    monkeypatch.setenv("TRY_KEY", SECRET)
    texts = [f"Whale number {i} sings a long song about the sea and its many islands. " * 10 for i in range(6)]
    segments = tmp_path / "segments.jsonl"
    segments.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")

    def respond(handler, body):
        rates = "whale to be found where" in str(body["messages"])
        handler.send_json(200, reply("It fits.\nScore: 4" if rates else "How is a whale to be found where it sings?"))

    with serving(Loopback(respond)) as server:
        options = ["--model", "m", "--set", "model.engine=openai", "--set", f"model.server.base_url={server.url}"]
        options += ["--set", "model.server.api_key_env=TRY_KEY", "--set", "model.server.price_read=100"]
        wrote = humpback("instruct", segments, *options, "--out", "candidates.jsonl", cwd=tmp_path)
        assert wrote.returncode == 0, wrote.stderr
        rated = humpback("rate", "candidates.jsonl", *options, "--out", "ratings.jsonl", cwd=tmp_path)
        assert rated.returncode == 0, rated.stderr
    assert {sent["Authorization"] for sent in server.headers} == {f"Bearer {SECRET}"}
    assert "6 kept" in wrote.stdout
    assert "6 requests, 60 tokens read" in wrote.stdout
    assert "cost 0.0060" in wrote.stdout
    assert "6 scored" in rated.stdout
    found = rows(tmp_path / "ratings.jsonl")
    assert [rating["score"] for rating in found] == [4.0] * 6
    assert {rating["model"].partition("+")[0] for rating in found} == {f"m@127.0.0.1:{server.server_address[1]}"}
    kept = "".join(path.read_text(encoding="utf-8") for path in tmp_path.iterdir()) + wrote.stdout + rated.stderr
    assert SECRET not in kept
    assert os.environ["TRY_KEY"] == SECRET


def test_a_server_that_is_gone_is_one_line(seed_file, tmp_path):
    options = ("--model", "m", "--set", "model.engine=openai", "--set", f"model.server.base_url={URL}")
    line = mistake("rate", seed_file, *options, "--set", "model.server.retries=1", "--out", tmp_path / "r.jsonl")
    assert f"no answer from {URL}" in line
    assert "check that the server runs" in line
    assert not (tmp_path / "r.jsonl").exists()
