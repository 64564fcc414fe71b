"""Suites on a real, tiny model: our numbers are the harness's, and the command keeps what it has done."""

import json

import pytest
from typer.testing import CliRunner

from humpback.cli.main import app
from humpback.config import ModelSettings
from humpback.evaluation.comparisons import Output, write_outputs
from humpback.evaluation.suites.catalogue import SUITES
from humpback.evaluation.suites.files import read_suite

pytest.importorskip("lm_eval", reason="the extra 'suites' is not installed")

CPU = ["--set", "model.device=cpu"]
ANIMALS = ["cod", "a grey whale of the north", "eel", "crab"]


def questions(path, count=12):
    rows = [
        {
            "question": f"Which of these sings {n} songs in the harbour?" + " It is late." * (n % 5),
            "choices": {"text": ANIMALS[n % 4 :] + ANIMALS[: n % 4], "label": list("ABCD")},
            "answerKey": "ABCD"[n % 3],
        }
        for n in range(count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def subjects(path):
    rows = [
        {"subject": subject, "question": f"What is {n}?", "choices": ["one", "two", "three", "four"], "answer": n % 4}
        for n in range(4)
        for subject in ("anatomy", "virology")
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def pairs(path):
    rows = [
        {"sent_more": f"The {who} slept.", "sent_less": "The captain slept.", "bias_type": kind}
        for who, kind in (("old man", "age"), ("young boy", "age"), ("poor man", "socioeconomic"))
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def prompts(path):
    rows = [
        {"key": n, "prompt": f"Describe harbour {n} without commas.", "instruction_id_list": ["punctuation:no_comma"],
         "kwargs": [{}]}
        for n in range(6)
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def run(*words):
    return CliRunner().invoke(app, ["evaluate", "suites", *map(str, words)])


@pytest.mark.parametrize("template", [False, True])
@pytest.mark.parametrize("suite", ["arc_easy", "mmlu", "crows_pairs"])
def test_log_likelihoods_and_scores_are_the_harness_own(tmp_path, tiny_chat_model, suite, template):
    from lm_eval.models.huggingface import HFLM

    from humpback.evaluation.suites.harness import Reader, read, rows_of

    write = {"arc_easy": questions, "mmlu": subjects, "crows_pairs": pairs}[suite]
    documents = read_suite(SUITES[suite], write(tmp_path / "rows.jsonl"))
    own = HFLM(pretrained=str(tiny_chat_model), device="cpu", dtype="float32", batch_size=3)
    found = [
        read(SUITES[suite], rows_of(SUITES[suite], documents, None, 0), reader, template=template)
        for reader in (own, Reader(tiny_chat_model, ModelSettings(device="cpu", batch_tokens=256)))
    ]
    for theirs, ours in zip(*found, strict=True):
        assert ours.likelihoods == pytest.approx(theirs.likelihoods, abs=1e-4)
        assert ours.task == theirs.task
        assert ours.metrics.keys() == set(SUITES[suite].metrics)
        for metric in ours.metrics:
            assert ours.metrics[metric] == pytest.approx(theirs.metrics[metric], abs=1e-4)


def test_whether_a_choice_is_the_likeliest_text_is_the_harness_own_too(tiny_model):
    from lm_eval.models.huggingface import HFLM

    from humpback.evaluation.suites.harness import Reader

    own = HFLM(pretrained=str(tiny_model), device="cpu", dtype="float32", batch_size=2)
    ours = Reader(tiny_model, ModelSettings(device="cpu"))
    context = own.tok_encode("The harbour lies behind")
    asked = [(("", ""), context, [token]) for token in range(own.model.config.vocab_size)]
    greedy = [[kept for _, kept in reader._loglikelihood_tokens(asked)] for reader in (own, ours)]
    assert greedy[0] == greedy[1]
    assert sum(greedy[1]) == 1


def test_a_sample_is_seeded_and_the_output_says_so(tmp_path, tiny_model):
    file = questions(tmp_path / "arc.jsonl")
    drawn = []
    for seed, name in ((1, "a"), (1, "b"), (2, "c")):
        out = tmp_path / f"{name}.json"
        shown = run(f"arc_easy={file}", "--model", tiny_model, "--limit", 5, "--seed", seed, "--out", out, *CPU)
        assert f"arc_easy: 5 of 12 rows, drawn with seed {seed}" in shown.output
        drawn.append([row["number"] for row in json.loads(out.read_text())["suites"]["arc_easy"]["rows"]])
    assert drawn[0] == drawn[1] != drawn[2]
    assert drawn[0] == sorted(set(drawn[0])) != list(range(5))


def test_what_is_done_is_kept_and_suites_are_added(tmp_path, tiny_model):
    out = tmp_path / "suites.json"
    arc = f"arc_easy={questions(tmp_path / 'arc.jsonl')}"
    assert run(arc, "--model", tiny_model, "--out", out, *CPU).exit_code == 0
    content = json.loads(out.read_text())
    content["suites"]["arc_easy"]["figures"][0]["value"] = 0.123
    out.write_text(json.dumps(content))
    shown = run(arc, f"mmlu={subjects(tmp_path / 'mmlu.jsonl')}", "--model", tiny_model, "--out", out, *CPU)
    assert shown.exit_code == 0, shown.output
    assert "12.3 %" in shown.output
    suites = json.loads(out.read_text())["suites"]
    assert {one["group"] for one in suites["mmlu"]["figures"]} == {"", "anatomy", "virology"}
    assert len(suites["mmlu"]["rows"]) == 8
    assert "12.3 %" not in run(arc, "--model", tiny_model, "--out", out, "--chat-template", *CPU).output


def test_results_of_another_model_are_not_mixed_in(tmp_path, tiny_model, tiny_chat_model):
    arc = f"arc_easy={questions(tmp_path / 'arc.jsonl')}"
    assert run(arc, "--model", tiny_model, "--out", tmp_path / "a.json", *CPU).exit_code == 0
    refused = run(arc, "--model", tiny_chat_model, "--out", tmp_path / "a.json", *CPU)
    assert "holds the results of" in str(refused.exception)


def test_a_subject_that_the_harness_does_not_know_is_named(tmp_path, tiny_model):
    file = tmp_path / "mmlu.jsonl"
    file.write_text(json.dumps({"subject": "whaling", "question": "?", "choices": list("abcd"), "answer": 0}) + "\n")
    assert "'whaling' is no subject of mmlu" in str(run(f"mmlu={file}", "--model", tiny_model).exception)


def test_any_engine_answers_ifeval_and_what_it_leaves_out_counts(tmp_path):
    out = tmp_path / "suites.json"
    fake = ["--model", "fake", "--set", "model.engine=fake"]
    shown = run(f"ifeval={prompts(tmp_path / 'ifeval.jsonl')}", *fake, "--out", out, "--limit", 4)
    assert shown.exit_code == 0, shown.output or shown.exception
    assert "4 of 4 prompts answered" in shown.output
    assert len(json.loads(out.read_text())["suites"]["ifeval"]["rows"]) == 4


def test_answers_that_are_there_are_checked_without_a_model(tmp_path):
    file, answers, out = prompts(tmp_path / "ifeval.jsonl"), tmp_path / "m.json", tmp_path / "suites.json"
    said = ["Waves and gulls.", "Waves, gulls.", "Gulls."]
    write_outputs(answers, [Output(f"Describe harbour {n} without commas.", text, "m") for n, text in enumerate(said)])
    shown = run(f"ifeval={file}", "--outputs", answers, "--out", out)
    assert shown.exit_code == 0, shown.output or shown.exception
    assert "3 of 6 prompts have no answer: they count as not followed" in shown.output
    content = json.loads(out.read_text())
    assert content["model"]["name"] == "m"
    assert content["suites"]["ifeval"]["figures"][0]["value"] == 2 / 6
    assert content["suites"]["ifeval"]["kinds"] == {"punctuation:no_comma": {"asked": 6, "strict": 2, "loose": 2}}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["hellaswag", "--model=m"], "there is no suite 'hellaswag'"),
        (["piqa=nowhere.jsonl", "--model=m"], "no file or folder nowhere.jsonl"),
        (["piqa", "piqa", "--model=m"], "piqa is named twice"),
        (["piqa"], "no model is named"),
        (["piqa", "--model=fake", "--set", "model.engine=fake"], "needs the model here, not engine 'fake'"),
        (["piqa", "--model=m", "--outputs=m.json"], "ifeval, which is not among the suites"),
    ],
)
def test_mistakes_are_one_clear_line(words, said):
    shown = run(*words)
    assert shown.exit_code != 0
    assert said in str(shown.exception)
