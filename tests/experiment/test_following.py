"""IFEval as a measure: every model answers the same prompts, and a program checks the answers."""

import importlib.util
import json
from pathlib import Path

import pytest

from humpback.errors import ConfigError
from humpback.experiment.following import Followed
from humpback.experiment.results import tables

INSTALLED = all(importlib.util.find_spec(name) for name in ("lm_eval", "langdetect", "nltk", "punkt"))
ARMS = {"seed": {}, "random": {"scorer": "random"}}


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    """Four prompts in IFEval's layout, of which the fake engine's answers follow some instructions."""
    rows = [
        ("Say something without a comma.", ["punctuation:no_comma"], [{}]),
        ("Say at least 300 words.", ["length_constraints:number_words"], [{"relation": "at least", "num_words": 300}]),
        (
            "Say something short, and no comma.",
            ["punctuation:no_comma", "length_constraints:number_words"],
            [{}, {"relation": "less than", "num_words": 300}],
        ),
        ("Say it all in capitals.", ["change_case:english_capital"], [{}]),
    ]
    path = tmp_path / "ifeval.jsonl"
    path.write_text(
        "".join(
            json.dumps({"key": key, "prompt": prompt, "instruction_id_list": kinds, "kwargs": arguments}) + "\n"
            for key, (prompt, kinds, arguments) in enumerate(rows)
        ),
        encoding="utf-8",
    )
    return path


@pytest.mark.skipif(not INSTALLED, reason="needs the extra 'suites'")
def test_instructions_followed_are_counted_for_every_model_on_the_same_prompts(carry, prompts):
    given = {"measures": ["heldout", "ifeval"], "ifeval": {"prompts": str(prompts), "limit": 3}}
    done = carry(ARMS, sizes=[4], seeds=2, **given)
    heldout, followed = tables(done.experiment, done.grid, done.run)
    assert [one.name for one in followed.results] == [one.name for one in heldout.results] == ["base", "seed", "random"]
    assert followed.items == 3, "a sample of the four"
    rows = [row for seed in (1, 2) for row in done.run.stage(f"ifeval.forward-0.seed.s{seed}").records(Followed)]
    assert all(0 <= row.strictly <= row.asked for row in rows)
    assert followed.results[1].value == pytest.approx(sum(r.strictly for r in rows) / sum(r.asked for r in rows))
    by_prompt = {row.prompt: row for row in rows}
    commas = [row for prompt, row in by_prompt.items() if prompt.endswith("without a comma.")]
    assert all(row.strictly == (row.answer != "" and "," not in row.answer) for row in commas)
    again = carry(ARMS, sizes=[4], seeds=2, **given)
    assert again.worked.stages == []


@pytest.mark.skipif(not INSTALLED, reason="needs the extra 'suites'")
def test_a_measure_that_is_added_later_trains_the_models_again_that_are_gone(carry, prompts):
    carry(ARMS, sizes=[4], seeds=1)
    added = carry(ARMS, sizes=[4], seeds=1, measures=["heldout", "ifeval"], ifeval={"prompts": str(prompts)})
    assert set(added.worked.stages) == {
        *("prompts.ifeval", "ifeval.base", "forward-0.seed.s1", "ifeval.forward-0.seed.s1"),
        *("forward-1.random-4.s1", "ifeval.forward-1.random-4.s1"),
    }


def test_a_measure_without_what_it_needs_is_refused_before_anything_is_done(carry, prompts, tmp_path):
    with pytest.raises(ConfigError, match=r"ifeval\.prompts is not given"):
        carry(ARMS, measures=["ifeval"])
    if not INSTALLED:
        with pytest.raises(ConfigError, match=r"humpback-align\[suites\]"):
            carry(ARMS, measures=["ifeval"], ifeval={"prompts": str(prompts)})
    assert not (tmp_path / "experiment" / "stages").exists()
