"""The recipes of every scorer, held equal to those of stored runs: a run that was made once must not become stale."""

import json
from pathlib import Path

import pytest

from humpback.config import Config
from humpback.method.loop import finetune, self_augment
from humpback.method.rating import rate
from humpback.runs.stage import Produce, Stage

CASES: dict[str, dict] = {
    "rating": {"scorer": "rating"},
    "rating, other settings": {"scorer": "rating", "temperature": 0.5, "samples": 3, "ask_again": False},
    "rating behind a cascade": {"scorer": "rating", "cascade": {"share": 0.5}},
    "rating behind a calibrated cascade": {"scorer": "rating", "cascade": {"share": 0.5, "scorer": "calibrated"}},
    "expected-rating": {"scorer": "expected-rating"},
    "expected-rating behind a cascade": {"scorer": "expected-rating", "cascade": {"share": 0.25, "check": 8}},
    "calibrated": {"scorer": "calibrated"},
    "calibrated with a grade": {"scorer": "calibrated", "follow_up": True, "calibration_pairs": 32},
    "yes-no": {"scorer": "yes-no"},
    "additive": {"scorer": "additive"},
    "ifd": {"scorer": "ifd"},
    "ifd behind a cascade": {"scorer": "ifd", "cascade": {"share": 0.5}},
    "gain": {"scorer": "gain"},
    "backward-gain": {"scorer": "backward-gain"},
    "end-of-sequence": {"scorer": "end-of-sequence"},
    "cycle": {"scorer": "cycle", "max_new_tokens": 100},
    "seed-likeness": {"scorer": "seed-likeness", "direction_pairs": 100},
    "answer-probe": {"scorer": "answer-probe"},
    "stored-gain": {"scorer": "stored-gain"},
    "opening-likelihood": {"scorer": "opening-likelihood"},
    "stored-likelihood": {"scorer": "stored-likelihood"},
    "stored-relative-gain": {"scorer": "stored-relative-gain"},
    "length": {"scorer": "length"},
    "length behind a cascade": {"scorer": "length", "cascade": {"share": 0.5}},
    "random": {"scorer": "random"},
    "ensemble": {"scorer": "ensemble"},
    "ensemble of four": {"scorer": "ensemble", "ensemble": {"rating": 1, "cycle": 2, "random": 1, "yes-no": 0.5}},
    "two-questions": {"scorer": "two-questions"},
}
RECORDED = Path(__file__).with_name("rating_recipes.json")


def recipes_of(curate: dict) -> dict[str, dict]:
    """What decides each stage that leads from candidates to ratings, by the stage's name."""
    config = Config.model_validate({"curate": curate, "tags": {"augmented": "From a page."}, "run": {"seed": 7}})
    pairs = Stage("seed", "", (), {}, Produce(lambda inputs, part, done: iter(())))
    segments = Stage("segments", "", (), {}, Produce(lambda inputs, part, done: iter(())))
    model = finetune(config, "base", "forward-0", "forward", on=[pairs])
    candidates = self_augment(config, segments, by=model)[-1]
    return {
        stage.name: {"version": stage.version, "needs": list(stage.needs), "settings": dict(stage.settings)}
        for stage in rate(config, 1, candidates, pairs, model)
    }


@pytest.mark.parametrize("case", CASES)
def test_the_recipes_are_those_of_stored_runs(case):
    """A difference makes every stored run of this scorer stale: change the file only where its ratings change too."""
    assert recipes_of(CASES[case]) == json.loads(RECORDED.read_text())[case]


if __name__ == "__main__":
    RECORDED.write_text(json.dumps({case: recipes_of(curate) for case, curate in CASES.items()}, indent=1) + "\n")
