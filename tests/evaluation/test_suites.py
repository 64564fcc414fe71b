"""Files of questions in every usual layout to the rows that the harness reads."""

import json
from pathlib import Path

import pytest

from humpback.errors import InputError
from humpback.evaluation.suites.catalogue import SUITES
from humpback.evaluation.suites.files import read_suite
from humpback.evaluation.suites.layouts import Question, question_of, social_iqa

DATA = Path(__file__).parents[3] / "shared" / "data"

WHALES = ("Which animal breathes air?", ("cod", "humpback", "eel"), 1)
PROMPT = (
    "Please choose the correct answer to the question: Which animal breathes air?\n\n"
    "Answer1: cod Answer2: humpback Answer3: eel\n\nAnswer format: answer1/answer2/answer3"
)
PARTED = [{"text": "cod", "label": "A"}, {"text": "humpback", "label": "B"}, {"text": "eel", "label": "C"}]


def written(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize(
    "row",
    [
        {"instruction": PROMPT, "input": "", "output": "the correct answer is answer2", "answer": "answer2"},
        {"question": {"stem": WHALES[0], "choices": PARTED}, "answerKey": "B", "id": "x"},
        {"question": WHALES[0], "choices": {"text": list(WHALES[1]), "label": ["1", "2", "3"]}, "answerKey": "2"},
        {"question_stem": WHALES[0], "choices": {"text": list(WHALES[1]), "label": list("ABC")}, "answerKey": " B"},
        {"question": WHALES[0], "choices": list(WHALES[1]), "answer": 1},
        {"question": WHALES[0], "choices": list(WHALES[1]), "answer": "B"},
        {"question": WHALES[0], "A": "cod", "B": "humpback", "C": "eel", "answer": "1"},
    ],
)
def test_every_layout_says_the_same_question(row):
    assert question_of(row) == Question(*WHALES)


def test_solutions_on_lines_of_their_own_keep_their_last_space():
    row = {
        "instruction": "Please choose the correct solution to the question: dresser\n\nSolution1: use a pin \n\n"
        "Solution2: finish, with a pin \n\nAnswer format: solution1/solution2",
        "answer": "solution2",
    }
    assert question_of(row) == Question("dresser", ("use a pin ", "finish, with a pin "), 1)


@pytest.mark.parametrize("label", ["", None, "3", "-1", 2])
def test_a_row_without_an_answer_asks_nothing(label):
    assert question_of({"goal": "open a jar", "sol1": "turn", "sol2": "shout", "label": label}) is None


@pytest.mark.parametrize("answer", ["1", "B"])
def test_context_and_question_in_one_text_or_in_two_give_the_harness_one_text(answer):
    apart = {"context": "Ann fell. She cried.", "question": "Why did she?", "answerA": "joy", "answerB": "pain"}
    label = {"label": "2"} if answer == "1" else {"correct": answer}
    first = question_of({**apart, "answerC": "rain", **label})
    together = Question("Ann fell. She cried. Why did she?", ("joy", "pain", "rain"), 1)
    assert first is not None
    assert social_iqa(first) == social_iqa(together)
    assert social_iqa(together)["context"] == "Ann fell. She cried."


def test_labels_in_a_file_of_their_own_are_found(tmp_path):
    rows = [{"goal": f"open jar {n}", "sol1": "turn", "sol2": "shout"} for n in range(3)]
    file = written(tmp_path / "valid.jsonl", rows)
    (tmp_path / "valid-labels.lst").write_text("1\n0\n1\n")
    assert [row["label"] for row in read_suite(SUITES["piqa"], file)] == [1, 0, 1]
    (tmp_path / "valid-labels.lst").write_text("1\n0\n")
    with pytest.raises(InputError, match="2 labels for 3 rows"):
        read_suite(SUITES["piqa"], file)


def test_files_without_a_header_have_their_subject_in_their_name(tmp_path):
    for split, answer in (("test", "C"), ("dev", "A")):
        (tmp_path / split).mkdir()
        file = tmp_path / split / f"college_biology_{split}.csv"
        file.write_text(f'"What, of these, is a whale?",cod,eel,humpback,crab,{answer}\n')
    (row,) = read_suite(SUITES["mmlu"], tmp_path)
    assert row == {
        "question": "What, of these, is a whale?", "choices": ["cod", "eel", "humpback", "crab"], "answer": 2,
        "subject": "college_biology",
    }  # fmt: skip


def test_of_a_folder_the_files_of_the_split_are_read(tmp_path):
    for split, key in (("train", "A"), ("validation", "B"), ("test", "C")):
        row = {"question": split, "choices": {"text": ["a", "b", "c"], "label": list("ABC")}, "answerKey": key}
        written(tmp_path / f"{split}-00000-of-00001.jsonl", [row])
    assert [row["question"] for row in read_suite(SUITES["arc_easy"], tmp_path)] == ["test"]
    with pytest.raises(InputError, match="3 choices, piqa has 2"):
        read_suite(SUITES["piqa"], tmp_path)


def test_a_folder_without_the_split_is_said_to_be(tmp_path):
    written(tmp_path / "train.jsonl", [{"goal": "g", "sol1": "a", "sol2": "b", "label": 0}])
    with pytest.raises(InputError, match="no file of the val split"):
        read_suite(SUITES["piqa"], tmp_path)


def test_a_file_of_another_kind_is_named_with_its_row_and_columns(tmp_path):
    file = written(tmp_path / "pairs.jsonl", [{"instruction": "Write a poem.", "response": "Waves."}])
    with pytest.raises(InputError, match=r"row 1 is no question .*columns: instruction, response"):
        read_suite(SUITES["arc_easy"], file)
    with pytest.raises(InputError, match="has no sent_more, sent_less, bias_type"):
        read_suite(SUITES["crows_pairs"], file)


def test_an_empty_file_is_said_to_be(tmp_path):
    with pytest.raises(InputError, match="holds no rows"):
        read_suite(SUITES["piqa"], written(tmp_path / "valid.jsonl", []))


@pytest.mark.data
@pytest.mark.skipif(not DATA.exists(), reason="the public data sets are not beside the checkout")
@pytest.mark.parametrize(
    ("suite", "file", "rows"),
    [
        ("arc_easy", "benchmarks/arc-easy_test.jsonl.gz", 2376),
        ("arc_challenge", "benchmarks/arc-challenge_test.jsonl.gz", 1172),
        ("social_iqa", "benchmarks/social_i_qa_test.jsonl.gz", 1954),
        ("openbookqa", "benchmarks/openbookqa_test.jsonl.gz", 500),
        ("mmlu", "benchmarks/mmlu_test.jsonl.gz", 14042),
        ("crows_pairs", "safety/crows_pairs.jsonl.gz", 1508),
    ],
)
def test_public_sets_are_read_to_the_last_row(suite, file, rows):
    assert len(read_suite(SUITES[suite], DATA / file)) == rows


@pytest.mark.data
@pytest.mark.skipif(not DATA.exists(), reason="the public data sets are not beside the checkout")
def test_piqa_as_prompts_is_piqa_as_published():
    prompts = read_suite(SUITES["piqa"], DATA / "benchmarks" / "piqa_test.jsonl.gz")
    assert prompts == read_suite(SUITES["piqa"], DATA / "benchmarks" / "piqa_valid_original.jsonl.gz")
