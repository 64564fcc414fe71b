"""IFEval's checkers on answers, without a network."""

import json
from pathlib import Path

import pytest

from humpback.errors import InputError
from humpback.evaluation.suites.ifeval import METRICS, Task, by_kind, check, read_tasks

pytest.importorskip("lm_eval", reason="the extra 'suites' is not installed")

PROMPTS = Path(__file__).parents[3] / "shared" / "data" / "eval" / "ifeval_prompts.jsonl"


def followed(kind, arguments, answer):
    task = Task("Write about the sea.", (kind,), (arguments,))
    (row,) = check([task], {task.prompt: answer})
    return row.metrics["inst_level_strict_acc"] == (1.0,)


@pytest.mark.parametrize(
    ("kind", "arguments", "good", "bad"),
    [
        ("punctuation:no_comma", {}, "Waves and gulls.", "Waves, gulls."),
        ("length_constraints:number_words", {"num_words": 3, "relation": "at least"}, "Waves and gulls.", "Waves."),
        ("keywords:existence", {"keywords": ["whale"]}, "A whale sings.", "A gull cries."),
        ("detectable_format:json_format", {}, '```json\n{"a": 1}\n```', "a: 1"),
        ("startend:quotation", {}, '"Waves."', "Waves."),
    ],
)
def test_an_instruction_is_followed_or_not(kind, arguments, good, bad):
    assert followed(kind, arguments, good)
    assert not followed(kind, arguments, bad)


def test_sentences_are_counted_by_their_ends_not_by_their_full_stops():
    at_most = {"num_sentences": 3, "relation": "less than"}
    assert followed("length_constraints:number_sentences", at_most, "Mr. Smith and Dr. Ray sailed. They came back.")
    assert not followed("length_constraints:number_sentences", at_most, "He left. He sailed. He came back. He slept.")


def test_words_in_capitals_are_counted():
    kind, arguments = "change_case:capital_word_frequency", {"capital_frequency": 2, "capital_relation": "at least"}
    assert followed(kind, arguments, "The SEA is WIDE.")
    assert not followed(kind, arguments, "The SEA is wide.")


def test_languages_are_told_apart_and_always_in_the_same_way():
    answer = "Das Meer ist weit und der Wind weht kalt aus dem Norden."
    assert all(followed("language:response_language", {"language": "de"}, answer) for _ in range(5))
    assert not followed("language:response_language", {"language": "en"}, answer)


def test_the_loose_measure_forgives_a_first_line_and_a_prompt_without_an_answer_follows_nothing():
    task = Task("Write about the sea.", ("punctuation:no_comma", "startend:quotation"), ({}, {}))
    rows = check([task, Task("And now?", task.instructions, ({}, {}))], {task.prompt: 'Sure, here:\n"Waves."'})
    assert rows[0].metrics == {
        "prompt_level_strict_acc": (0.0,), "inst_level_strict_acc": (0.0, 0.0),
        "prompt_level_loose_acc": (1.0,), "inst_level_loose_acc": (1.0, 1.0),
    }  # fmt: skip
    assert all(not any(parts) for parts in rows[1].metrics.values())
    assert by_kind([task, task], rows) == dict.fromkeys(task.instructions, (2, 0, 1))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"prompt": "Hello"}, r"row 1 is not IFEval's \(columns: prompt\)"),
        ({"prompt": "Hello", "instruction_id_list": ["punctuation:no_comma"], "kwargs": []}, "row 1 is not IFEval's"),
        ({"prompt": "Hello", "instruction_id_list": ["song:sing"], "kwargs": [{}]}, "cannot be checked: song:sing"),
    ],
)
def test_a_row_that_cannot_be_checked_is_named(tmp_path, row, said):
    file = tmp_path / "prompts.jsonl"
    file.write_text(json.dumps(row) + "\n")
    with pytest.raises(InputError, match=said):
        read_tasks(file)


@pytest.mark.data
@pytest.mark.skipif(not PROMPTS.exists(), reason="the public data sets are not beside the checkout")
def test_all_instructions_of_the_public_set_can_be_checked():
    tasks = read_tasks(PROMPTS)
    rows = check(tasks, {task.prompt: "My answer is no. The sea is wide, *really*." for task in tasks})
    assert len(rows) == 541
    assert len(by_kind(tasks, rows)) == 25
    assert {len(row.metrics[METRICS[1]]) for row in rows} == {1, 2, 3}
