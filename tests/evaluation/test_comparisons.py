import gzip
import json
import math
from dataclasses import replace

import pytest

from humpback.errors import InputError
from humpback.evaluation.comparisons import (
    Comparison,
    Output,
    only_model,
    pair_up,
    preference_of,
    read_comparisons,
    read_outputs,
    write_comparisons,
    write_outputs,
)


def test_outputs_in_alpaca_evals_form(tmp_path):
    rows = [{"dataset": "koala", "instruction": "Say hi.", "output": "Hi!\n", "generator": "m", "datasplit": "eval"}]
    (tmp_path / "model_outputs.json").write_text(json.dumps(rows))
    found = read_outputs(tmp_path / "model_outputs.json")
    assert found == [Output("Say hi.", "Hi!\n", "m", "koala")]
    write_outputs(tmp_path / "again.json", found)
    assert json.loads((tmp_path / "again.json").read_text()) == [
        {"instruction": "Say hi.", "output": "Hi!\n", "generator": "m", "dataset": "koala"}
    ]


def test_annotations_that_others_wrote(tmp_path):
    common = '"instruction": "Say hi.", "output_1": "a", "generator_1": "base", "output_2": "b", "generator_2": "m"'
    rows = [f'{{{common}, "annotator": "w", "preference": {value}}}' for value in ("1.98", "NaN", "0")]
    (tmp_path / "annotations.json").write_text(f"[{', '.join(rows)}]")
    found = read_comparisons(tmp_path / "annotations.json")
    assert [one.preference for one in found] == [1.98, None, 1.5]
    assert [one.index for one in found] == [0, 1, 2]
    assert found[0].annotator == "w"


def test_annotations_of_ours_come_back_as_they_were(tmp_path):
    rows = [
        Comparison(
            "Say é.", "a", "b", "base", "m", "koala", "judge/1", 2.0, ("2", "2"), ("Verdict: B", "Verdict: A"), 1, 7
        ),
        Comparison("Say hi.", "a", "b", "base", "m", "koala", "judge/1", None, ("2", "unparsed"), ("x", "y"), 2, 8),
    ]
    write_comparisons(tmp_path / "annotations.json", rows)
    assert read_comparisons(tmp_path / "annotations.json") == rows
    assert json.loads((tmp_path / "annotations.json").read_text())[1]["preference"] is None


@pytest.mark.parametrize("value", [None, math.nan, "", "nan", 3, 0.5, -1, True, "A", math.inf])
def test_what_is_no_preference(value):
    assert preference_of(value) is None


def test_outputs_are_joined_by_prompt_not_by_place():
    baseline = [Output("one", "1", "b"), Output("two", "2", "b"), Output("two", "3", "b"), Output("four", "4", "b")]
    model = [Output("two", "2m", "m"), Output("five", "5m", "m"), Output("two ", "3m", "m"), Output("one", "1m", "m")]
    found, alone = pair_up(baseline, model)
    assert [(c.output_1, c.output_2, c.index) for c in found] == [("1", "1m", 0), ("2", "2m", 1), ("3", "3m", 2)]
    assert alone == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Say  hi.\r\nNow.", " Say hi.\nNow.\n"),
        ("Qu’est-ce que c’est ?", "Qu'est-ce que c'est\u00a0?"),
        ("Un caf\u00e9", "Un cafe\u0301"),
        ("Say “hi”.", 'Say "hi".'),
        ("Say\u200b hi.", "say hi."),
    ],
)
def test_prompts_are_paired_as_a_person_would(one, other):
    (pair,), alone = pair_up([Output("x", "0", "b"), Output(one, "1", "b")], [Output(other, "1m", "m")])
    assert (pair.output_1, pair.output_2, alone) == ("1", "1m", 1)


def test_prompts_that_differ_in_case_alone_keep_their_own_partner():
    baseline = [Output("what is it", "1", "b"), Output("What is IT", "2", "b")]
    found, _ = pair_up(baseline, [Output("What is IT", "2m", "m"), Output("what is it", "1m", "m")])
    assert [(pair.output_1, pair.output_2) for pair in found] == [("1", "1m"), ("2", "2m")]


def test_other_names_of_the_columns_and_reasoning_before_the_answer(tmp_path):
    rows = [
        {"prompt": "Say hi.", "response": "<think>\nHm.\n</think>\n\nHi."},
        {"instruction": "Add.", "input": "1 2", "output": "3", "reasoning": "So."},
        {"messages": [{"role": "system", "content": "Be."}, {"role": "user", "content": "Go."}], "answer": "No."},
    ]
    (tmp_path / "x.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = read_outputs(tmp_path / "x.jsonl")
    assert [(one.instruction, one.output, one.reasoning) for one in found] == [
        ("Say hi.", "Hi.", "Hm."), ("Add.\n\n1 2", "3", "So."), ("Go.", "No.", ""),
    ]  # fmt: skip
    write_outputs(tmp_path / "again.json", found)
    assert read_outputs(tmp_path / "again.json")[:2] == [replace(one, generator="x") for one in found[:2]]


def test_a_file_without_the_columns_says_which_it_has(tmp_path):
    (tmp_path / "x.jsonl").write_text('{"prompt": "a", "reply": "b"}\n')
    with pytest.raises(InputError, match="no text in 'output' \\(columns: prompt, reply\\)"):
        read_outputs(tmp_path / "x.jsonl")
    with pytest.raises(InputError, match="has no preference"):
        read_comparisons(tmp_path / "x.jsonl")


def test_several_models_in_one_file_are_a_mistake():
    rows = [Comparison("i", "a", "b", "base", name) for name in "mn"]
    with pytest.raises(InputError, match="m against base; n against base"):
        only_model(rows)


def test_a_compressed_file(tmp_path):
    with gzip.open(tmp_path / "o.jsonl.gz", "wt") as file:
        file.write('{"instruction": "a", "output": ""}\n')
    assert read_outputs(tmp_path / "o.jsonl.gz")[0].output == ""
