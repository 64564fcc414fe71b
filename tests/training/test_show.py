"""Looking at what is trained."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from humpback.config import TagSettings
from humpback.models.template import Template
from humpback.records import Pair
from humpback.training.show import show_examples, visible
from tests.command import humpback, mistake

PAIR = Pair("1", "How do I bake bread?", "Mix flour, water and salt.", "seed", "test")


@pytest.fixture
def template(tiny_model: Path) -> Template:
    return Template(AutoTokenizer.from_pretrained(tiny_model))


def _shown(template: Template, *pairs: Pair, colour: bool = False, room: int = 256) -> list[str]:
    return list(show_examples(pairs, "forward", template, TagSettings(), room, colour=colour))


def test_template_tag_and_mask_are_shown_in_plain_lines(template: Template) -> None:
    head, read, learnt, _ = _shown(template, PAIR)
    assert re.fullmatch(r"1  1  seed, forward: \d+ tokens, \d+ of them learnt", head)
    assert read.replace("│", "") == (
        "  read   <s>### Request\\nHow do I bake bread?\\n\\nAnswer in the style of an AI Assistant.\\n\\n### Answer\\n"
    )
    assert learnt.replace("│", "") == "  learnt Mix flour, water and salt.</s>"
    assert learnt.count("│") + 1 == int(re.findall(r"(\d+) of them", head)[0])


def test_of_a_conversation_what_is_read_and_what_is_learnt_stand_in_turn(template: Template) -> None:
    talk = replace(PAIR, later=("And rye?", "With sourdough."))
    head, *lines, _ = _shown(template, talk)
    assert [line[:8] for line in lines] == ["  read  ", "  learnt", "  read  ", "  learnt"]
    assert lines[1].replace("│", "") == "  learnt Mix flour, water and salt.</s>"
    assert lines[3].replace("│", "") == "  learnt With sourdough.</s>"
    assert sum(line.count("│") + 1 for line in lines[1::2]) == int(re.findall(r"(\d+) of them", head)[0])
    *_, coloured, _ = _shown(template, talk, colour=True)
    marked = "".join(re.findall(r"\x1b\[30;42m(.*?)\x1b\[0m", coloured))
    assert marked == "Mix flour, water and salt.</s>With sourdough.</s>"


def test_the_command_says_what_it_leaves_out_of_the_seed(tiny_model: Path, tmp_path: Path) -> None:
    talk = [{"role": role, "content": f"Say {role}."} for role in ("user", "assistant", "user", "assistant")]
    rows = [{"messages": talk}, {"messages": talk[:1]}]
    (tmp_path / "talk.jsonl").write_text("\n".join(map(json.dumps, rows)))
    shown = humpback("finetune", str(tmp_path / "talk.jsonl"), "--model", str(tiny_model), "--show", "9").stdout
    assert "left out 1: turns behind the first exchange" in shown
    assert "left out 1: has no response" in shown


def test_colours_mark_what_is_learnt(template: Template) -> None:
    _, line, _ = _shown(template, PAIR, colour=True)
    marked = "".join(re.findall(r"\x1b\[30;42m(.*?)\x1b\[0m", line))
    assert marked == "Mix flour, water and salt.</s>"


def test_a_pair_that_cannot_be_trained_on_says_why(template: Template) -> None:
    (line,) = _shown(template, Pair("2", "What?", " ", "seed", "test"))
    assert "dropped, no target" in line


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[2J", "\\x1b[2J"),
        ("\x9b2J", "\\x9b2J"),
        ("a\u202eb", "a\\u202eb"),
        ("a\u200bb\u2028", "a\\u200bb\\u2028"),
        ("\a\b\r", "\\x07\\x08\\r"),
        ("\U000e0041", "\\U000e0041"),
        ("Grüße, 水 🌊", "Grüße, 水 🌊"),
    ],
)
def test_nothing_hides_and_nothing_steers_the_terminal(hostile: str, shown: str) -> None:
    assert visible(hostile) == shown


def test_a_hostile_pair_reaches_the_terminal_as_signs_alone(template: Template) -> None:
    pair = Pair("\x1b[31m", "Clear \x1b[2J it", "Title \x1b]0;owned\a", "seed", "test")
    text = "\n".join(_shown(template, pair))
    assert "\x1b" not in text
    assert "\a" not in text


@pytest.fixture
def command(tiny_model: Path, tmp_path: Path) -> list[str]:
    file = tmp_path / "pairs.jsonl"
    rows = [{"instruction": f"Name {n} winds of the sea.", "response": "Mistral and Föhn."} for n in range(1, 6)]
    file.write_text("\n".join(json.dumps(row) for row in rows))
    return ["finetune", str(file), "--model", str(tiny_model), "--show", "2"]


def test_the_command_shows_plain_lines_where_there_is_no_terminal(command: list[str]) -> None:
    done = humpback(*command)
    assert done.stdout.count("  learnt ") == 2
    assert "\x1b" not in done.stdout


@pytest.mark.slow
def test_the_command_shows_colours_in_a_terminal(command: list[str]) -> None:
    ours, theirs = pty.openpty()
    typed = [sys.executable, "-m", "humpback", *command]
    with subprocess.Popen(typed, stdout=theirs, stderr=subprocess.PIPE, stdin=theirs) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            shown += piece
    os.close(ours)
    assert process.returncode == 0
    assert b"\x1b[30;42m" in shown


def test_without_a_folder_nothing_is_trained(command: list[str]) -> None:
    assert mistake(*command[:-2]).startswith("humpback: there is no folder to write the model to")
