"""An experiment is carried out cell by cell: nothing twice, a failure costs its own cell, models go when measured."""

import json
from typing import get_args

import pytest

from humpback.config import ScorerName
from humpback.errors import HumpbackError, StoreError
from humpback.experiment.carry import carry_out
from humpback.experiment.forecast import forecast, forecast_lines
from humpback.experiment.results import tables
from humpback.experiment.selections import selections
from humpback.experiment.tables import Findings, markdown, plain
from humpback.records import Curated, HeldOutLoss
from humpback.runs.progress import NoProgress
from humpback.runs.store import Run
from tests.experiment.conftest import Carried


def found_of(done: Carried) -> Findings:
    made = tables(done.experiment, done.grid, done.run)
    return Findings(made, selections(done.cells, done.run), done.failed, len(done.cells), len(done.grid.cells))


def curated(run: Run, name: str) -> set[str]:
    return {row.id for row in run.stage(name).records(Curated)}


def test_every_stage_is_worked_on_once_and_the_second_time_none(carry):
    first = carry()
    assert sorted(first.worked.stages) == sorted(first.grid.stages)
    assert first.worked.stages.count("candidates") == 1
    assert len(first.cells) == len(first.grid.cells) == 1 + 2 * (1 + 2 + 2)
    second = carry()
    assert first.on_cell == first.cells
    assert second.worked.stages == second.on_cell == []
    assert second.cells == first.cells


def test_one_more_seed_and_one_more_arm_cost_only_themselves(carry):
    carry()
    more = carry(
        {
            "seed": {},
            "random": {"scorer": "random"},
            "curated": {"scorer": "expected-rating"},
            "long": {"scorer": "length"},
        },
        seeds=3,
    )
    assert all(name.endswith(".s3") or "length" in name for name in more.worked.stages)
    assert sum(name.startswith("forward-") for name in more.worked.stages) == 5 + 2 * 3


def test_sizes_of_one_ranking_are_nested_and_random_draws_anew_with_each_seed(carry):
    run = carry().run
    assert curated(run, "curated-1.expected-rating-4") < curated(run, "curated-1.expected-rating-8")
    first, second = (curated(run, f"curated-1.random-8.s{seed}") for seed in (1, 2))
    assert curated(run, "curated-1.random-4.s1") < first
    assert len(first) == len(second) == 8
    assert first != second


def test_all_trainings_are_measured_on_the_same_pairs_and_none_is_trained_on(carry):
    done = carry(
        {"seed": {}, "curated": {"scorer": "expected-rating"}, "alone": {"scorer": "length", "seed_pairs": False}}
    )
    measured = [
        tuple(row.id for row in done.run.stage(cell.measured["heldout"]).records(HeldOutLoss)) for cell in done.cells
    ]
    assert len(set(measured)) == 1
    assert len(measured[0]) == 6
    read = {cell.row.arm: done.run.stage(cell.model).manifest()["counts"]["read"] for cell in done.cells if cell.seed}
    assert read == {"seed": 24 - 6, "curated": 24 - 6 + 8, "alone": 8}, "the last of each arm, at size 8"


def test_a_cell_that_fails_is_reported_and_the_others_go_on(carry):
    # No candidate is rated from 1 to 5 by reasoning here: the fake engine answers, but the limit is none at all.
    limits = {"curate.max_new_tokens": 1, "curate.max_unrated_share": 0.0, "curate.ask_again": False}
    arms = {
        "seed": {},
        "rated": {"scorer": "rating", "settings": limits},
        "random": {"scorer": "random"},
    }
    done = carry(arms)
    (name,) = done.failed
    assert name.startswith("ratings-1.rating-")
    assert "have no score" in done.failed[name]
    assert {cell.row.arm for cell in done.cells} == {"base", "seed", "random"}
    text = markdown(found_of(done))
    assert f"`{name}` failed" in text
    assert "7 of 11 cells" in text
    again = carry(arms | {"rated": {"scorer": "rating"}})
    assert again.failed == {}
    assert not any("random" in stage or "seed" in stage for stage in again.worked.stages)


def test_where_nothing_can_be_done_the_reason_is_raised(carry, settings, tmp_path):
    with pytest.raises(HumpbackError, match="no file or folder"):
        carry(settings=settings | {"seed": {"source": str(tmp_path / "nothing.jsonl")}})


def test_a_shared_stage_that_fails_costs_the_arms_that_need_it(carry, settings):
    corpus = settings["corpus"] | {"segment": {"min_chars": 2500}}
    done = carry(settings=settings | {"corpus": corpus})
    assert list(done.failed) == ["segments"]
    assert "too short" in done.failed["segments"]
    assert {cell.row.arm for cell in done.cells} == {"base", "seed"}


def test_models_go_once_nothing_needs_them_and_come_back_when_something_does(carry, grid_of):
    once = {"seed": {}, "curated": {"scorer": "expected-rating"}}
    done = carry(once, sizes=[4], seeds=1)
    model = done.run.stage("forward-1.expected-rating-4.s1").model_path
    assert not model.exists()
    assert done.run.stage("forward-0").model_path.exists(), "what later arms will need stays"
    twice = once | {"twice": {"scorer": "expected-rating", "iterations": 2}}
    _, grid = grid_of(twice, sizes=[4], seeds=1)
    assert "forward-1.expected-rating-4.s1" in grid.gone(done.run)
    assert forecast(grid, done.run).to_do["forward"] == 2, "the model that is gone, and M_2"
    more = carry(twice, sizes=[4], seeds=1)
    assert more.worked.stages == [
        *("forward-1.expected-rating-4.s1", "ratings-2.expected-rating-4.s1", "curated-2.expected-rating-4.s1"),
        *("forward-2.expected-rating-4.s1", "heldout.forward-2.expected-rating-4.s1"),
    ]
    kept = carry(twice, sizes=[4], seeds=2, keep_models=True)
    assert kept.run.stage("forward-2.expected-rating-4.s2").model_path.exists()
    assert not model.exists()


def test_what_changed_for_all_arms_is_refused_until_it_is_named(carry, settings):
    carry()
    changed = settings | {"augment": {"max_chars": 700}}
    with pytest.raises(StoreError, match=r"others\).*augment\.max_chars 800 -> 700") as caught:
        carry(settings=changed)
    assert "forward-1.expected-rating-8.s2" not in str(caught.value), "one line, however large the grid"
    again = carry(settings=changed, redo=("candidates",))
    assert "seed" not in again.worked.stages
    assert "forward-0.seed.s1" not in again.worked.stages, "seed pairs alone do not stand on candidates"
    assert "forward-1.random-4.s1" in again.worked.stages


def test_the_forecast_counts_what_is_left_and_reckons_by_what_is_done(grid_of, carry, tmp_path):
    _, grid = grid_of()
    run = Run(tmp_path / "experiment")
    before = forecast(grid, run)
    assert (before.ended, before.cells) == (0, 11)
    assert before.to_do["forward"] == 11, "the rater and two seeds of five ways to train"
    assert "how long that takes" in list(forecast_lines(before))[-1]
    carry(seeds=1)
    after = forecast(grid, run)
    assert (after.ended, after.cells) == (6, 11)
    assert after.to_do == {"forward": 5, "heldout": 5, "curated": 2, "ratings by random": 1}
    assert after.unknown == ()
    assert after.seconds > 0
    carry()
    assert list(forecast_lines(forecast(grid, run)))[-1] == "11 of 11 cells are trained and measured"


def test_tables_can_be_made_of_what_is_finished_so_far(grid_of, carry, tmp_path):
    experiment, grid = grid_of(against=["seed", "random"])
    carry(seeds=1)
    (table,) = tables(experiment, grid, Run(tmp_path / "experiment"))
    assert [(one.name, one.row.size, one.seeds) for one in table.results] == [
        *(("base", None, 1), ("seed", None, 1), ("random", 4, 1), ("random", 8, 1)),
        *(("curated", 4, 1), ("curated", 8, 1)),
    ]
    against = {(one.name, one.row.size): [other.row.arm for other in one.against] for one in table.results}
    assert against["curated", 8] == ["seed", "random"]
    assert against["base", None] == []
    assert table.items == 6
    assert "one seed" in markdown(Findings([table], [], {}, 6, 11))


def test_figures_are_those_of_the_losses(carry):
    done = carry(seeds=2)
    (table,) = tables(done.experiment, done.grid, done.run)
    result = next(one for one in table.results if (one.name, one.row.size) == ("curated", 8))
    rows = [
        row
        for seed in (1, 2)
        for row in done.run.stage(f"heldout.forward-1.expected-rating-8.s{seed}").records(HeldOutLoss)
    ]
    assert result.value == pytest.approx(sum(row.nats for row in rows) / sum(row.tokens for row in rows))
    assert result.interval.low < result.value < result.interval.high
    assert result.pairs == 8
    slope = next(one for one in table.slopes if one.arm == "curated")
    small = next(one for one in table.results if (one.name, one.row.size) == ("curated", 4))
    assert slope.alpha * 0.6931471805599453 == pytest.approx(result.value - small.value), "for one doubling"
    assert slope.interval.low <= slope.alpha <= slope.interval.high
    json.dumps(plain(found_of(done)), allow_nan=False)


def test_the_row_of_every_training_ends_up_in_the_files(carry):
    done = carry({"seed": {}, "twice": {"scorer": "expected-rating", "iterations": 2}}, sizes=[8], against=["seed"])
    text = markdown(found_of(done))
    assert "| twice, M_2 | 8 | M_1 |" in text
    assert "| twice, M_2 | 8 | seed |" in text
    assert "| twice, M_1 | 8 | seed |" not in text, "the last iteration is what an arm is judged by"


def test_what_the_arms_were_given_is_told_by_length_and_overlap(carry):
    done = carry({"seed": {}, "long": {"scorer": "length"}, "random": {"scorer": "random"}}, sizes=[6], seeds=2)
    found = {one.stage: one for one in selections(done.cells, done.run)}
    assert list(found) == ["curated-1.length-6", "curated-1.random-6.s1", "curated-1.random-6.s2"]
    longest = found["curated-1.length-6"]
    assert longest.response > max(found[f"curated-1.random-6.s{seed}"].response for seed in (1, 2))
    kept = [curated(done.run, name) for name in found]
    assert longest.shared == pytest.approx((len(kept[0] & kept[1]) + len(kept[0] & kept[2])) / 12)
    assert "| `curated-1.length-6` | 6 |" in markdown(found_of(done))


def test_processes_make_what_one_makes(grid_of, settings, tmp_path):
    """Stages under another name travel to workers like any other."""
    found = []
    for workers in (1, 2):
        experiment, grid = grid_of(seeds=1, settings=settings | {"run": {"shard_rows": 1, "workers": workers}})
        run = Run(tmp_path / f"with-{workers}")
        with run.locked():
            carry_out(grid, run, experiment.settings, NoProgress(), keep_models=False, on_cell=lambda cell: None)
        assert len(run.stage("candidates").committed()) >= 8, "fewer shards start no processes"
        found.append([list(run.stage(name).records(Curated)) for name in grid.stages if name.startswith("curated")])
    assert found[0] == found[1]


def test_every_scorer_can_be_an_arm(carry):
    names = get_args(ScorerName)
    done = carry({name: {"scorer": name} for name in names}, sizes=[4], seeds=1, against=["random"])
    assert done.failed == {}
    (table,) = tables(done.experiment, done.grid, done.run)
    assert [(one.name, one.pairs) for one in table.results] == [("base", 0), *((name, 4) for name in names)]
