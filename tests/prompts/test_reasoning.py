"""What a model thought is told from what it answered, whatever marks it uses."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from humpback.prompts.reasoning import split_reasoning

MARKS = [
    ("<think>", "</think>"),
    ("<THINK>", "</THINK>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<reflection>", "</reflection>"),
    ("<scratchpad>", "</scratchpad>"),
    ("<seed:think>", "</seed:think>"),
    ('<think effort="high">', "</think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|channel>thought", "<channel|>"),
    ("<|channel|>analysis<|message|>", "<|end|>"),
    ("<|start|>assistant<|channel|>analysis<|message|>", "<|end|>"),
]
WORDS = st.text(alphabet="ab c.\nö4`:", max_size=60)
PLAIN = st.text(st.characters(exclude_characters="<[◁"), max_size=80)


@pytest.mark.parametrize(("opening", "closing"), MARKS)
def test_reasoning_is_told_from_the_answer(opening: str, closing: str) -> None:
    thought = "Score: 2 at first.\nNo, more."
    assert split_reasoning(f"{opening}\n{thought}\n{closing}\n\nGood.\nScore: 4") == (thought, "Good.\nScore: 4")
    assert split_reasoning(f"{opening}so 4{closing}Score: 4") == ("so 4", "Score: 4")
    assert split_reasoning(f"\n {opening}{thought}") == (thought, ""), "what was cut off is no answer"
    assert split_reasoning(f"{opening}\n{closing}\n\nGood.") == ("", "Good.")
    assert split_reasoning(f"{opening}a{closing}") == ("a", "")


@pytest.mark.parametrize(("opening", "closing"), MARKS[:-2])
def test_reasoning_that_was_never_opened_begins_with_the_text(opening: str, closing: str) -> None:
    assert split_reasoning(f"Score: 2 would\nbe harsh.\n{closing}\n\nGood.") == ("Score: 2 would\nbe harsh.", "Good.")
    assert split_reasoning(f"so it is 4{closing}It is 4.") == ("so it is 4", "It is 4.")
    assert split_reasoning(f"all thought {closing}") == ("all thought", "")
    assert split_reasoning(f"a{closing}\nb{closing}\nc") == ("a\n\nb", "c")


@given(st.sampled_from(MARKS), WORDS, WORDS)
def test_every_thought_and_every_answer_come_back_whole(marks: tuple[str, str], thought: str, answer: str) -> None:
    # A mark right behind a backtick is quoted, and code that is begun in the reasoning may end behind it.
    thought = thought.replace("`", "")
    assert split_reasoning(f"{marks[0]}{thought}{marks[1]}{answer}") == (thought.strip(), answer.strip())


@given(PLAIN)
def test_a_text_without_marks_stays_as_it_is(text: str) -> None:
    assert split_reasoning(text) == ("", text)


@given(st.text(alphabet="<think>/`~\n [THINK]|a.", max_size=80))
def test_nothing_is_invented(text: str) -> None:
    thought, answer = split_reasoning(text)
    assert set(thought + answer) <= set(text) | {"\n", " "}
    assert len(thought) + len(answer) <= len(text) + 2 * text.count("<")


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("<think>a</think>\nb\n<think>c</think>\nd", ("a\n\nc", "b\n\nd")),
        ("<thinking>a <scratchpad>b</scratchpad></thinking>\n<output>d", ("a <scratchpad>b</scratchpad>", "d")),
        ("First. <think>a</think> Second.", ("a", "First. Second.")),
        ("It is <think>four?</think> four.", ("four?", "It is four.")),
        ("Score: 2, or </think> Score: 4", ("Score: 2, or", "Score: 4")),
        ("a</think>b\n<think>c</think>d", ("a\n\nc", "b\n\nd")),
        ("<think>a</think>\nDone.\n<think>and then", ("a\n\nand then", "Done.")),
        ("<think>a `</think>` b</think>c", ("a `</think>` b", "c")),
        ("<think>like\n```py\nx = 1\n</think>\nOne.", ("like\n```py\nx = 1", "One.")),
        ("<think>a</think><answer>\n4\n</answer>", ("a", "4")),
        ("<think>a</think>\n<answer>4", ("a", "4")),
        ("<|begin_of_thought|>a<|end_of_thought|>\n<|begin_of_solution|>4<|end_of_solution|>", ("a", "4")),
        ("<|START_THINKING|>a<|END_THINKING|><|START_RESPONSE|>4<|END_RESPONSE|>", ("a", "4")),
        (
            "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>commentary to=f<|message|>b<|end|>"
            "<|start|>assistant<|channel|>final<|message|>4<|return|>",
            ("a\n\nb", "4"),
        ),
        ("<|channel|>final<|message|>4<|return|>", ("", "4")),
        ("analysisWe weigh it.assistantfinalScore: 4", ("We weigh it.", "Score: 4")),
        ("analysis We weigh it. assistantfinal Score: 4", ("We weigh it.", "Score: 4")),
        ("analysisWe weigh", ("We weigh", "")),
        ("Here is my thought process:\na\n\nHere is my response:\nb", ("a", "b")),
        ("Here is my thought process:\na", ("a", "")),
    ],
)  # fmt: skip
def test_forms_of_single_models(text: str, right: tuple[str, str]) -> None:
    assert split_reasoning(text) == right


@pytest.mark.parametrize(
    "text",
    [
        "",
        "analysis of variance compares means",
        "It thinks between <think> and </think> and then answers.",
        "It thinks inside <think>...</think> first.",
        "Its thoughts end with '</think>'.",
        "Write `<think>` first.",
        "Like this:\n\n```\n<think>\na\n</think>\nb\n```\n\nNow you.",
        "~~~\n<think>\n~~~",
        "I [think] so.",
        "a < b, and <thinker> is no mark",
    ],
)
def test_marks_that_are_quoted_or_named_are_text(text: str) -> None:
    assert split_reasoning(text) == ("", text)


@pytest.mark.parametrize(
    "text", ["`" * 100_000, "<think>" * 20_000, "x</think>" * 20_000, "\n```" * 20_001, "a<" * 50_000]
)
def test_no_text_takes_long(text: str) -> None:
    begun = time.process_time()
    split_reasoning(text)
    assert time.process_time() - begun < 5
