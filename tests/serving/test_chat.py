"""Talking to a model: the words that it was trained with, what is typed, what is shown."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from humpback.config import TagSettings
from humpback.engines.fake import FakeEngine
from humpback.errors import harmless
from humpback.models.template import MODEL_RECORD
from humpback.requests import Completion, Request, Sampling
from humpback.serving.chat import Conversation, chat
from humpback.serving.models import answering_models
from tests.command import humpback, mistake
from tests.killing import take_ctrl_c

TAGS = "\n\nAnswer in the style of an AI Assistant. Answer with knowledge from web search."
SAMPLING = Sampling(64, 0.7, 0.9, 1)


class Echo(FakeEngine):
    """Says how many turns it was shown, and remembers them."""

    def __init__(self, most_turns: int = 99) -> None:
        super().__init__()
        self.requests: list[Request] = []
        self._most_turns = most_turns

    def generate(self, requests) -> Iterator[Completion]:
        for request in requests:
            self.requests.append(request)
            if len(request.messages) > self._most_turns:
                yield Completion(request.id, "", "error", 0, 0, 0.0, "the prompt is too long")
            else:
                yield Completion(request.id, f"{len(request.messages)} turns", "stop", 1, 1, 0.0)


def talk(engine: FakeEngine, *lines: str) -> str:
    shown = io.StringIO()
    chat([Conversation("M_1", engine, TagSettings(), SAMPLING)], lines, shown.write)
    return shown.getvalue()


def test_each_question_carries_the_tags_of_training_and_follows_what_was_said():
    engine = Echo()
    assert talk(engine, "Hello.\n", "", "  \n", "And now?\n") == "1 turns\n3 turns\n"
    texts = [message.text for message in engine.requests[-1].messages]
    assert texts == [f"Hello.{TAGS}", "1 turns", f"And now?{TAGS}"]
    assert [message.role for message in engine.requests[-1].messages] == ["user", "assistant", "user"]


def test_new_forgets_and_quit_ends():
    assert talk(Echo(), "a", "/new", "b", " /quit ", "c") == "1 turns\n1 turns\n"


def test_the_oldest_exchange_is_forgotten_where_there_is_no_room():
    engine = Echo(most_turns=3)
    assert talk(engine, "a", "b", "c") == "1 turns\n3 turns\n3 turns\n"
    assert engine.requests[-1].messages[0].text.startswith("b")
    assert talk(Echo(most_turns=0), "a") == "[no answer: the prompt is too long]\n"


def test_an_answer_that_is_stopped_is_not_remembered():
    class Slow(Echo):
        def stream(self, request, show):
            show("well")
            if "wait" in request.messages[-1].text:
                raise KeyboardInterrupt
            return next(self.generate([request]))

    engine = Slow()
    assert talk(engine, "wait", "go") == "well [stopped]\nwell\n"
    assert len(engine.requests[-1].messages) == 1


def test_models_side_by_side_are_named_and_remember_their_own_answers():
    shown = io.StringIO()
    engines = {"M_0": Echo(), "M_2": Echo(most_turns=1)}
    chat([Conversation(name, engine, TagSettings(), SAMPLING) for name, engine in engines.items()], "ab", shown.write)
    assert shown.getvalue() == "M_0: 1 turns\nM_2: 1 turns\nM_0: 3 turns\nM_2: 1 turns\n"


def test_an_answer_cannot_steer_the_terminal():
    assert harmless("a\x1b[2Jb\x9b\rc\n\td\u202ee") == "a\\u001b[2Jb\\u009b\\u000dc\n\td\\u202ee"


def test_the_tags_are_those_of_the_models_own_record(finetuned: Path, tiny_chat_model: Path):
    (model,) = answering_models(str(finetuned), [], [])
    assert (model.name, model.tags) == ("m-1", TagSettings())
    assert not answering_models(str(tiny_chat_model), [], [])[0].tags.enabled
    assert not answering_models(str(finetuned), [], ["tags.enabled=false"])[0].tags.enabled


def test_what_cannot_answer_is_one_line(finetuned: Path, tmp_path: Path):
    assert "--model 0 picks a model of a run" in mistake("chat", finetuned, "--model", 0)
    backward = shutil.copytree(finetuned, tmp_path / "m-yx")
    record = json.loads((backward / MODEL_RECORD).read_text()) | {"direction": "backward"}
    (backward / MODEL_RECORD).write_text(json.dumps(record))
    assert "is a backward model" in mistake("chat", backward)
    (backward / MODEL_RECORD).write_text("{")
    assert "humpback.json is damaged" in mistake("serve", backward)


def test_the_models_of_a_run_by_their_numbers(config_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    run = tmp_path / "run"
    assert humpback("run", config_file, "--out", run, "--until", "candidates").returncode == 0
    assert "--model may be 0" in mistake("chat", run, "--model", 2)
    monkeypatch.setattr(sys, "stdin", io.StringIO("What is salt?\n\nAnd bread?\n"))
    done = humpback("chat", run, "--model", 0)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2
    assert not done.stderr
    shutil.rmtree(run / "stages" / "forward-0")
    assert "no model of" in mistake("chat", run)


def test_each_line_of_a_pipe_is_answered_by_a_real_model(finetuned: Path, monkeypatch: pytest.MonkeyPatch):
    ask = ("chat", finetuned, "--max-new-tokens", 6, "--set", "model.device=cpu")
    monkeypatch.setattr(sys, "stdin", io.StringIO("How do I bake bread?\nWhy?\n"))
    first = humpback(*ask).stdout
    assert first.count("\n") >= 2
    monkeypatch.setattr(sys, "stdin", io.StringIO("How do I bake bread?\nWhy?\n"))
    assert humpback(*ask).stdout == first, "the same seed gives the same answers"
    broken = io.TextIOWrapper(io.BytesIO(b"\xff\n"), encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", broken)
    assert "is not UTF-8" in mistake(*ask)


def test_in_a_terminal_ctrl_c_at_the_prompt_ends(config_file: Path, tmp_path: Path):
    run = tmp_path / "run"
    assert humpback("run", config_file, "--out", run, "--until", "forward-0").returncode == 0
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "humpback", "chat", str(run)]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, preexec_fn=take_ctrl_c) as process:
        os.close(theirs)
        seen = b""
        while not seen.endswith(b"> "):
            seen += os.read(ours, 1024)
        assert b"Ctrl-C stops an answer" in seen
        # Again where it came between the prompt and the wait for a key: readline sleeps through that one.
        for _ in range(12):
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
                break
        process.kill()
        assert process.returncode == 0
    os.close(ours)
