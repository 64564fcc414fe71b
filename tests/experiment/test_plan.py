"""A grid as stages: what is shared is there once, and what is compared differs in what it says and nothing else."""

import dataclasses

import pytest

from humpback.errors import ConfigError
from humpback.experiment.plan import plan_experiment
from humpback.method.plan import plan
from humpback.runs.status import recipes


def names(grid, kind):
    return [name for name in grid.stages if name.startswith(kind)]


def test_what_arms_share_is_there_once(grid_of):
    arms = {
        "seed": {},
        "all": {"scorer": "random", "sizes": ["all"]},
        "curated": {"scorer": "expected-rating"},
        "alone": {"scorer": "expected-rating", "seed_pairs": False},
        "untagged": {"scorer": "expected-rating", "settings": {"tags.enabled": False}},
    }
    _, grid = grid_of(arms, seeds=3)
    assert len(names(grid, "backward")) == len(names(grid, "candidates")) == 1
    assert names(grid, "ratings-1.expected") == ["ratings-1.expected-rating"]
    assert len(names(grid, "curated-1.expected")) == 2, "one for each size, for three arms and three seeds"
    trainings = [cell.model for cell in grid.cells if cell.seed]
    assert len(trainings) == len(set(trainings)) == 3 * (1 + 1 + 3 * 2)


def test_the_shared_stages_are_those_of_a_run(grid_of, settings):
    experiment, grid = grid_of()
    ran = recipes(plan(experiment.settings, "base-identity"))
    here = recipes(list(grid.stages.values()))
    for name in ("seed", "segments", "unique", "backward", "candidates", "forward-0"):
        assert here[name].fingerprint == ran[name].fingerprint, name


def test_all_arms_come_with_the_first_seed_before_any_with_the_second(grid_of):
    _, grid = grid_of()
    seeds = [cell.seed for cell in grid.cells]
    assert seeds == sorted(seeds)


def test_another_arm_size_seed_or_name_makes_no_old_work_stale(grid_of):
    _, grid = grid_of({"seed": {}, "mine": {"scorer": "expected-rating", "sizes": [4]}}, seeds=1)
    _, larger = grid_of(
        {"random": {"scorer": "random"}, "human": {}, "yours": {"scorer": "expected-rating"}}, seeds=3, sizes=[2, 4, 6]
    )
    before, after = recipes(list(grid.stages.values())), recipes(list(larger.stages.values()))
    assert {name: recipe.fingerprint for name, recipe in before.items()}.items() <= {
        name: recipe.fingerprint for name, recipe in after.items()
    }.items()


def test_all_that_a_base_model_made_or_measured_is_stale_with_another(grid_of):
    experiment, grid = grid_of({"seed": {}, "mine": {"scorer": "random"}}, seeds=1)
    before = recipes(list(grid.stages.values()))
    after = recipes(list(plan_experiment(experiment, "another").stages.values()))
    same = {name for name, recipe in before.items() if recipe.fingerprint == after[name].fingerprint}
    assert "heldout.base" in before
    assert same == {name for name in same if not grid.stages[name].model}
    assert "segments" in same


def test_what_is_compared_has_recipes_of_its_own(grid_of):
    arms = {
        "curated": {"scorer": "expected-rating"},
        "alone": {"scorer": "expected-rating", "seed_pairs": False},
        "untagged": {"scorer": "expected-rating", "settings": {"tags.enabled": False}},
        "slow": {"scorer": "expected-rating", "settings": {"forward.final_learning_rate": 1e-6}},
    }
    _, grid = grid_of(arms, sizes=[4], seeds=2)
    made = recipes(list(grid.stages.values()))
    of = {(cell.row.arm, cell.seed): grid.stages[cell.model] for cell in grid.cells if cell.seed}
    assert len({made[stage.name].fingerprint for stage in of.values()}) == 8
    assert of["alone", 1].needs == ("curated-1.expected-rating-4",)
    assert of["untagged", 1].settings["tags.enabled"] is False
    assert grid.stages["forward-0"].settings["tags.enabled"] is True, "the rater is shared, so it is trained as ever"
    assert of["slow", 2].settings["forward.final_learning_rate"] == 1e-6


def test_arms_that_select_otherwise_share_their_ratings(grid_of):
    arms = {
        "curated": {"scorer": "expected-rating"},
        "diverse": {"scorer": "expected-rating", "settings": {"curate.select.per_document": 1}},
    }
    _, grid = grid_of(arms, sizes=[4], seeds=1)
    assert names(grid, "ratings") == ["ratings-1.expected-rating"]
    assert len(names(grid, "curated")) == len(names(grid, "forward-1")) == 2


def test_arms_that_read_segments_alike_drop_the_same_of_them(grid_of, settings):
    settings["corpus"]["deduplicate"] = {"meaning": 0.9}
    arms = {
        "curated": {"scorer": "random"},
        "chosen": {"scorer": "random", "settings": {"corpus.choose.share": 0.5}},
        "longer": {"scorer": "random", "settings": {"corpus.choose.tokens": 32}},
    }
    _, grid = grid_of(arms, sizes=[4], seeds=1)
    assert len(names(grid, "groups")) == len(names(grid, "vectors")) == len(names(grid, "distinct")) == 2
    (chosen,) = names(grid, "chosen")
    assert grid.stages[chosen].needs[0] == "distinct"


def test_a_scorer_that_needs_a_calibration_gets_one_from_the_same_model(grid_of):
    arms = {
        "calibrated": {"scorer": "calibrated", "iterations": 2},
        "untagged": {"scorer": "calibrated", "settings": {"tags.enabled": False}},
    }
    _, grid = grid_of(arms, sizes=[4], seeds=2)
    assert grid.stages["calibration-1.calibrated"].needs == ("seed", "forward-0")
    assert grid.stages["ratings-1.calibrated"].needs == ("candidates", "forward-0", "calibration-1.calibrated")
    assert grid.stages["ratings-1.calibrated"].settings["tags.enabled"] is True, "M_0 reads as it was trained"
    second = "calibrated-4.s2"
    assert grid.stages[f"ratings-2.{second}"].needs == ("candidates", f"forward-1.{second}", f"calibration-2.{second}")
    assert len(names(grid, "calibration-1")) == 1


def test_two_stages_that_differ_cannot_have_one_name(grid_of):
    _, grid = grid_of()
    with pytest.raises(ValueError, match="both called candidates"):
        grid.add(dataclasses.replace(grid.stages["candidates"], needs=()))


def test_later_iterations_are_rated_by_the_model_before(grid_of):
    _, grid = grid_of({"seed": {}, "twice": {"scorer": "expected-rating", "iterations": 2}}, sizes=[4], seeds=2)
    assert grid.stages["ratings-1.expected-rating"].needs == ("candidates", "forward-0")
    assert grid.stages["ratings-2.expected-rating-4.s2"].needs == ("candidates", "forward-1.expected-rating-4.s2")
    assert grid.stages["forward-2.expected-rating-4.s2"].needs == ("seed", "curated-2.expected-rating-4.s2")
    assert [cell.row.iteration for cell in grid.cells if cell.row.arm == "twice" and cell.seed == 1] == [1, 2]


@pytest.mark.parametrize(
    ("arms", "message"),
    [
        ({"mine": {"scorer": "guess"}}, "arms.mine.scorer input should be '', 'auto', 'rating'"),
        ({"mine": {"scorer": "random", "settings": {"seed.limit": 3}}}, "seed.limit is not an arm's to change"),
        ({"mine": {"scorer": "random", "settings": {"curate.select.top_n": 3}}}, "follows from the arm's"),
        ({"mine": {"scorer": "random", "settings": {"forward.speed": 3}}}, "forward.speed is not a setting"),
        ({"mine": {"sizes": [3]}}, "without a scorer takes the seed pairs alone"),
        ({"../mine": {}}, "is no name for an arm"),
        ({"base": {}}, "is no name for an arm"),
    ],
)
def test_a_mistake_in_an_arm_is_one_line(grid_of, arms, message):
    with pytest.raises(ConfigError) as caught:
        grid_of(arms)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_other_mistakes_in_a_grid_are_one_line(grid_of):
    for others, message in (
        ({"sizes": []}, "arm 'random' has no sizes"),
        ({"against": ["human"]}, "against names human, which is no arm"),
        ({"measures": ["beauty"]}, "measures"),
        ({"sizes": [0]}, "sizes"),
    ):
        with pytest.raises(ConfigError) as caught:
            grid_of(**others)
        assert message in str(caught.value)


def test_what_an_arm_s_ratings_stand_on_comes_along_under_its_name(grid_of):
    arms = {
        "calibrated": {"scorer": "calibrated"},
        "both": {"scorer": "ensemble"},
        "cheap": {"scorer": "calibrated", "settings": {"curate.cascade.share": 0.5}},
    }
    _, grid = grid_of(arms, seeds=2)
    assert len(names(grid, "calibration-1.")) == 3
    assert len(names(grid, "scores-1-calibrated.ensemble")) == 1
    (cheap,) = names(grid, "scores-1-stored-relative-gain.")
    (cascade,) = names(grid, "ratings-1.calibrated-")
    assert set(grid.stages[cascade].needs) >= {"candidates", "forward-0", cheap}
    assert set(grid.stages["ratings-1.ensemble"].needs) == {
        "candidates",
        "scores-1-calibrated.ensemble",
        "scores-1-stored-gain.ensemble",
    }
