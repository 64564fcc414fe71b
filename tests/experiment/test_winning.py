"""Win rates as a measure: every model answers the baseline's prompts, and a judge compares."""

import json
from pathlib import Path

import pytest

from humpback.errors import ConfigError
from humpback.evaluation.comparisons import Output
from humpback.experiment.results import tables
from humpback.experiment.winning import Judged

ARMS = {"seed": {}, "random": {"scorer": "random"}}


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    path = tmp_path / "outputs.json"
    rows = [
        {"instruction": f"Tell me of thing {n}.", "output": f"A thing of size {n}.", "generator": "old"}
        for n in range(9)
    ]
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def test_answers_of_every_model_are_judged_on_the_same_prompts(carry, baseline):
    given = {
        "measures": ["heldout", "winrate"],
        "winrate": {"baseline": str(baseline), "limit": 7, "judge": {"engine": "fake"}, "max_unjudged": 1.0},
    }
    done = carry(ARMS, sizes=[4], seeds=2, **given)
    assert done.failed == {}
    _, wins = tables(done.experiment, done.grid, done.run)
    assert [one.name for one in wins.results] == ["base", "seed", "random"]
    answers = list(done.run.stage("answers.forward-0.seed.s1").records(Output))
    judged = list(done.run.stage("winrate.forward-0.seed.s1").records(Judged))
    assert len(answers) == len(judged) == 7
    assert {one.generator for one in answers} == {"forward-0.seed.s1"}
    found = [row for seed in (1, 2) for row in done.run.stage(f"winrate.forward-0.seed.s{seed}").records(Judged)]
    assert any(row.preference is not None for row in found), "the fake judge gives verdicts"
    assert wins.items + wins.left_out == 7
    assert all(0 <= one.value <= 100 for one in wins.results)
    assert carry(ARMS, sizes=[4], seeds=2, **given).worked.stages == []


def test_another_judge_asks_for_no_new_answers(carry, baseline):
    given = {"baseline": str(baseline), "judge": {"engine": "fake"}, "max_unjudged": 1.0}
    carry(ARMS, sizes=[4], seeds=1, measures=["winrate"], winrate=given)
    again = carry(
        ARMS,
        sizes=[4],
        seeds=1,
        measures=["winrate"],
        winrate=given | {"judge_tokens": 64},
        redo=("winrate.base", "winrate.forward-0.seed.s1", "winrate.forward-1.random-4.s1"),
    )
    assert sorted(again.worked.stages) == ["winrate.base", "winrate.forward-0.seed.s1", "winrate.forward-1.random-4.s1"]


def test_a_win_rate_without_a_baseline_is_refused_before_anything_is_done(carry):
    with pytest.raises(ConfigError, match=r"winrate\.baseline is not given"):
        carry(ARMS, measures=["winrate"])
