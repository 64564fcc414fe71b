import json

import pytest
from typer.testing import CliRunner

from humpback.cli.main import app
from humpback.errors import HumpbackError, InputError, StageError
from humpback.evaluation.answers import Answering, read_prompt_set
from humpback.evaluation.comparisons import read_comparisons, read_outputs
from humpback.evaluation.leaderboard import read_difficulty, read_gamed, read_leaderboard
from humpback.evaluation.winrate import Judging
from humpback.standalone.answer import answer_files
from humpback.standalone.judge import judge_files, winrate_files

FAKE = ["model.engine=fake"]


def run(*words):
    result = CliRunner().invoke(app, ["evaluate", *map(str, words)])
    assert result.exit_code == 0, result.output or result.exception
    return result.output


@pytest.fixture
def prompts(tmp_path):
    path = tmp_path / "prompts.jsonl"
    path.write_text("".join(json.dumps({"prompt": f"Explain the number {n} to me."}) + "\n" for n in range(150)))
    return path


@pytest.fixture
def two_models(tmp_path, prompts):
    for seed in (1, 2):
        list(answer_files(prompts, "fake", tmp_path / f"m-{seed}.json", f"m-{seed}", Answering(seed), FAKE))
    return tmp_path / "m-1.json", tmp_path / "m-2.json"


def test_from_prompts_to_a_leaderboard_by_commands(tmp_path, prompts):
    for seed in (1, 2):
        out = tmp_path / f"{seed}.json"
        run("answer", prompts, "--model=fake", f"--name=m-{seed}", f"--seed={seed}", "--out", out, "--set", *FAKE)
    notes = tmp_path / "annotations.json"
    shown = run("judge", tmp_path / "2.json", tmp_path / "1.json", "--model", "fake", "--out", notes, "--set", *FAKE)
    assert "m-2 against m-1" in shown
    board = tmp_path / "leaderboard.csv"
    shown = run("winrate", notes, "--leaderboard", board)
    line = read_leaderboard(board)["m-2"]
    assert f"win rate {line.number('win_rate'):.2f} %" in shown
    assert f"length-controlled {line.number('length_controlled_winrate'):.2f} %" in shown
    assert line.number("n_total") == sum(one.preference is not None for one in read_comparisons(notes))
    run("winrate", notes, "--leaderboard", board)
    assert len(read_leaderboard(board)) == 1


def test_outputs_are_those_of_the_prompts_in_order(two_models, prompts):
    found = read_outputs(two_models[0])
    assert [one.instruction for one in found] == [one.instruction for one in read_prompt_set(prompts)]
    assert {one.generator for one in found} == {"m-1"}
    assert {one.dataset for one in found} == {"prompts"}


def test_judging_again_asks_only_where_there_is_no_verdict(tmp_path, two_models):
    out = tmp_path / "annotations.json"
    list(judge_files(two_models[1], two_models[0], "fake", out, Judging(tries=1), FAKE, 0.2))
    once = read_comparisons(out)
    assert 0 < sum(one.preference is None for one in once) < 30
    for _ in range(4):
        list(judge_files(two_models[1], two_models[0], "fake", out, Judging(tries=1), FAKE, 0.2))
    again = read_comparisons(out)
    assert all(new == old for new, old in zip(again, once, strict=True) if old.preference is not None)
    assert sum(one.preference is None for one in again) < sum(one.preference is None for one in once)


def test_too_many_without_a_verdict_fail_but_keep_the_others(tmp_path, two_models):
    out = tmp_path / "annotations.json"
    with pytest.raises(StageError, match="of 150 pairs have no verdict"):
        list(judge_files(two_models[1], two_models[0], "fake", out, Judging(tries=1), FAKE, 0.0))
    assert sum(one.preference is not None for one in read_comparisons(out)) > 100


def test_models_without_a_prompt_in_common(tmp_path, two_models):
    other = tmp_path / "other.json"
    other.write_text('[{"instruction": "Something else.", "output": "x", "generator": "o"}]')
    with pytest.raises(HumpbackError, match="no prompt in common"):
        list(judge_files(other, two_models[0], "fake", tmp_path / "a.json", Judging(), FAKE, 0.2))


def test_too_many_outputs_without_a_partner_fail_before_the_judge_is_asked(tmp_path, two_models):
    outputs = json.loads(two_models[1].read_text())
    (tmp_path / "other.json").write_text(
        json.dumps([row | {"instruction": f"{i}"} for i, row in enumerate(outputs)][:50] + outputs[:50])
    )
    with pytest.raises(InputError, match=r"50 of the 100 prompts in .* are not in"):
        list(judge_files(tmp_path / "other.json", two_models[0], "fake", tmp_path / "a.json", Judging(), FAKE, 0.2))


def test_few_preferences_have_a_plain_win_rate_and_one_has_no_interval(tmp_path):
    rows = [
        {"instruction": f"q{k}", "output_1": "a", "output_2": "b" * k, "preference": 1.0 + (k > 0)} for k in range(3)
    ]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    few = "\n".join(winrate_files([tmp_path / "a.json"], "", [], tmp_path / "board.csv", 0))
    assert "win rate 66.67 % (95 % 0.00 to 100.00" in few
    assert "not length-controlled: too few preferences (3, it takes 10)" in few
    (tmp_path / "a.json").write_text(json.dumps(rows[2:]))
    assert "win rate 100.00 % (no interval: one prompt)" in "\n".join(
        winrate_files([tmp_path / "a.json"], "", [], None, 0)
    )


def test_difficulties_and_gamed_comparisons_in_alpaca_evals_tables(tmp_path):
    (tmp_path / "d.csv").write_text(",instruction_difficulty\n0,0.5\n1,-1.25\n")
    assert read_difficulty(tmp_path / "d.csv") == {0: 0.5, 1: -1.25}
    header = "preference,index,std_delta_len,instruction_difficulty,not_gamed_baseline,model\n"
    (tmp_path / "g.csv").write_text(header + "0.25,0,-1.5,0.5,False,v\n0.5,1,0.5,-1.25,False,v\n0.5,0,1,0.5,False,c\n")
    assert read_difficulty(tmp_path / "g.csv") == {0: 0.5, 1: -1.25}
    (one, *_) = found = read_gamed([tmp_path / "g.csv"])
    assert len(found) == 3
    assert (one.index, one.preference, one.length) == (0, 0.25, -1.5)


def test_difficulty_learnt_from_the_annotations_is_said(tmp_path, two_models):
    outs = []
    for seed in (1, 2):
        outs.append(tmp_path / f"a-{seed}.json")
        list(judge_files(two_models[1], two_models[0], "fake", outs[-1], Judging(seed=seed), FAKE, 0.2))
    assert any("difficulty + model" in line for line in winrate_files(outs, "joint", [], None, 0))
    assert all("+ difficulty" not in line for line in winrate_files(outs, "", [], None, 0))


@pytest.mark.parametrize(
    ("name", "text", "first"),
    [
        ("p.txt", "One?\nTwo?\n", "One?"),
        ("p.json", '[{"turns": ["One?", "And then?"]}, {"turns": ["Two?"]}]', "One?"),
        ("p.csv", "instruction,input,dataset\nSum up.,A text,koala\nTwo?,,koala\n", "Sum up.\n\nA text"),
    ],
)
def test_prompt_sets_of_any_kind(tmp_path, name, text, first):
    (tmp_path / name).write_text(text)
    found = list(read_prompt_set(tmp_path / name))
    assert [one.instruction for one in found] == [first, "Two?"]
    assert found[0].dataset == ("koala" if name == "p.csv" else "p")


def test_a_row_that_asks_nothing(tmp_path):
    (tmp_path / "p.jsonl").write_text('{"answer": "42"}\n')
    with pytest.raises(HumpbackError, match="row 1 asks nothing"):
        list(read_prompt_set(tmp_path / "p.jsonl"))
