"""The server of the OpenAI protocol, asked by a plain client and by our own engine."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from humpback.config import ModelSettings, TagSettings
from humpback.engines.openai import OpenAIEngine
from humpback.engines.transformers import TransformersEngine
from humpback.errors import EngineError
from humpback.models.template import Template
from humpback.prompts import forward_messages
from humpback.requests import Message, Part, Request, Sampling
from humpback.serving.models import answering_models
from humpback.serving.server import ModelServer, Served
from humpback.serving.vllm import prepare, tagged_template
from tests.command import humpback, mistake
from tests.killing import take_ctrl_c

QUESTION = [{"role": "user", "content": "How do I bake bread?"}]
CHANGES = ["model.device=cpu", "model.max_tokens=256"]


@pytest.fixture(scope="module")
def server(finetuned: Path) -> Iterator[ModelServer]:
    (model,) = answering_models(str(finetuned), [], CHANGES)
    with model.opened() as engine, ModelServer("127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve, args=([Served(model, engine)],))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def engine(finetuned: Path) -> Iterator[TransformersEngine]:
    """The same model in this process."""
    engine = TransformersEngine(finetuned, "m-1", ModelSettings(name="m-1", device="cpu", max_tokens=256))
    yield engine
    engine.close()


def ask(server: ModelServer, path: str, body: object, method: str = "POST") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    connection.request(method, path, content)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def events(text: str) -> list[dict]:
    *pieces, last = [line.removeprefix("data: ") for line in text.split("\n\n") if line]
    assert last == "[DONE]"
    return [json.loads(piece) for piece in pieces]


def test_an_answer_is_that_of_the_engine_with_the_tags_of_training(server, engine):
    drawn = {"temperature": 0.7, "top_p": 0.9, "seed": 7, "max_tokens": 12}
    status, text = ask(server, "/v1/chat/completions", {"model": "m-1", "messages": QUESTION, **drawn})
    assert status == 200, text
    answer = json.loads(text)
    messages = forward_messages("How do I bake bread?", TagSettings(), ("seed", "augmented"))
    (expected,) = engine.generate([Request("a", messages, Sampling(12, 0.7, 0.9, 7))])
    assert answer["choices"][0]["message"] == {"role": "assistant", "content": expected.text}
    assert answer["choices"][0]["finish_reason"] == expected.finish_reason
    assert answer["usage"]["prompt_tokens"] == expected.prompt_tokens
    assert answer["object"] == "chat.completion"
    streamed = {"messages": QUESTION, "stream": True, "stream_options": {"include_usage": True}, **drawn}
    *pieces, last, usage = events(ask(server, "/v1/chat/completions", streamed)[1])
    assert "".join(piece["choices"][0]["delta"]["content"] for piece in pieces) == expected.text
    assert len(pieces) > 1
    assert last["choices"][0]["finish_reason"] == expected.finish_reason
    assert usage["usage"] == answer["usage"]


def test_a_plain_text_is_continued_without_template_and_tags(server, finetuned):
    body = {"prompt": "The harbour lies", "max_tokens": 3, "temperature": 0, "seed": 1}
    answer = json.loads(ask(server, "/v1/completions", body)[1])
    tokens = AutoTokenizer.from_pretrained(finetuned)("The harbour lies", add_special_tokens=False).input_ids
    assert answer["usage"]["prompt_tokens"] in (len(tokens), len(tokens) + 1)
    *pieces, last = events(ask(server, "/v1/completions", {**body, "stream": True})[1])
    text = "".join(piece["choices"][0]["text"] for piece in pieces)
    assert text == answer["choices"][0]["text"]
    assert last["object"] == "text_completion"


def test_our_own_engine_is_a_client(server, engine):
    url = f"http://127.0.0.1:{server.server_port}/v1"
    settings = {"engine": "openai", "name": "m-1", "server": {"base_url": url, "logprobs": False}}
    requests = [
        Request(str(number), (Message("user", (Part(f"Bake {number} loaves."),)),), Sampling(8, 0.7, 0.9, number))
        for number in range(5)
    ]
    client = OpenAIEngine(ModelSettings.model_validate(settings))
    answers = {answer.id: answer for answer in client.generate(requests)}
    client.close()
    assert {answer.error for answer in answers.values()} == {""}
    tagged = forward_messages("Bake 3 loaves.", TagSettings(), ("seed", "augmented"))
    (expected,) = engine.generate([Request("3", tagged, requests[3].sampling)])
    assert answers["3"].text == expected.text
    settings["server"]["logprobs"] = True
    client = OpenAIEngine(ModelSettings.model_validate(settings))
    with pytest.raises(EngineError, match=r"set model.server.logprobs to false"):
        list(client.generate(requests))
    client.close()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{", "body: Invalid JSON"),
        ({"messages": []}, "messages: List should have at least 1 item"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}, "messages.0.content"),
        ({"messages": QUESTION, "n": 2}, "n: Input should be 1"),
        ({"messages": QUESTION, "temperature": -1}, "temperature"),
        ({"messages": QUESTION, "stop": ["."], "tools": [{}]}, "does not do stop, tools"),
        ({"messages": QUESTION, "max_tokens": 9000}, "too long"),
        ({"messages": [{"role": "user", "content": "bread " * 900}], "stream": True}, "tokens too long"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_reason(server, body, expected):
    status, text = ask(server, "/v1/chat/completions", body)
    assert status == 400
    assert expected in json.loads(text)["error"]["message"]


def test_what_is_neutral_is_passed_over(server):
    body = {"messages": QUESTION, "max_tokens": 2, "stop": None, "tools": [], "presence_penalty": 0, "user": "me"}
    assert ask(server, "/v1/chat/completions", {**body, "response_format": {"type": "text"}})[0] == 200


def test_models_and_addresses(server):
    (model,) = json.loads(ask(server, "/v1/models", None, "GET")[1])["data"]
    assert model["id"] == "m-1"
    assert model["root"] == server.served["m-1"].model.identity, "so that other weights are another model to a client"
    assert ask(server, "/v1/other", {})[0] == ask(server, "/", None, "GET")[0] == 404
    status, text = ask(server, "/v1/chat/completions", {"model": "gpt", "messages": QUESTION})
    assert status == 404
    assert "there is m-1" in text
    assert ask(server, "/v1/completions", {"prompt": ["a", "b"]})[0] == 400


def test_a_client_that_leaves_ends_its_answer_and_no_other(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    body = {"messages": QUESTION, "stream": True, "max_tokens": 100, "temperature": 0}
    connection.request("POST", "/v1/chat/completions", json.dumps(body))
    connection.getresponse().read(1)
    connection.close()
    assert ask(server, "/v1/chat/completions", {"messages": QUESTION, "max_tokens": 2})[0] == 200


def test_the_command_serves_models_of_a_run_until_ctrl_c(config_file: Path, tmp_path: Path):
    run = tmp_path / "run"
    assert humpback("run", config_file, "--out", run, "--until", "forward-0").returncode == 0
    command = [sys.executable, "-m", "humpback", "serve", str(run), "--model", "0", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=take_ctrl_c) as process:
        line = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(60)
        process.kill()
    assert line.startswith("M_0 at http://127.0.0.1:")
    assert process.returncode == 0


def test_a_port_that_is_taken_is_one_line(server, finetuned):
    assert "cannot listen on 127.0.0.1" in mistake("serve", finetuned, "--port", server.server_port)
    assert humpback("serve", "--help").returncode == 0


def test_vllm_gets_a_template_that_renders_the_tags(finetuned, tmp_path, monkeypatch):
    monkeypatch.setenv("HUMPBACK_CACHE", str(tmp_path))
    changes = ["model.dtype=bfloat16", "model.vllm.tensor_parallel=2", "model.max_tokens=2048"]
    (model,) = answering_models(str(finetuned), [], changes)
    command = prepare(model, "127.0.0.1", 8001)
    assert command[1:5] == ["-m", "vllm.entrypoints.cli.main", "serve", str(finetuned)]
    assert {"--port=8001", "--dtype=bfloat16", "--tensor-parallel-size=2", "--max-model-len=2048"} <= set(command)
    (file,) = [word.partition("=")[2] for word in command if word.startswith("--chat-template=")]
    tokenizer = AutoTokenizer.from_pretrained(finetuned)
    turns = ["How?", "So.", "Why?"]
    roles = ["user", "assistant", "user"]
    messages = [
        message
        for text, role in zip(turns, roles, strict=True)
        for message in (
            forward_messages(text, TagSettings(), ("seed", "augmented"))
            if role == "user"
            else (Message("assistant", (Part(text),)),)
        )
    ]
    expected = Template(tokenizer).prompt(messages, "", 1000)
    rendered = tokenizer.apply_chat_template(
        [{"role": role, "content": text} for role, text in zip(roles, turns, strict=True)],
        chat_template=Path(file).read_text(encoding="utf-8"), add_generation_prompt=True, return_dict=True,
    )  # fmt: skip
    assert tuple(rendered["input_ids"]) == expected
    assert tagged_template("x", TagSettings(enabled=False)) == "x"
