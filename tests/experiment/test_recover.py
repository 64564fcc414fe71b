"""Recovered gain: answers with hidden instructions in a corpus of other texts, and what comes back of them."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from humpback.config.experiment import ExperimentSettings
from humpback.errors import ConfigError
from humpback.experiment.ceiling import Ceiling, ceiling_of
from humpback.experiment.plan import Row
from humpback.experiment.planted import PLANTED, hidden_instructions
from humpback.experiment.recovered import Recovered, recovered
from humpback.experiment.recovered_tables import plain_recovered, recovered_lines
from humpback.experiment.results import tables
from humpback.experiment.tables import Findings, markdown, plain
from humpback.experiment.tracing import separate
from humpback.method.settings_file import parse_settings
from humpback.records import Candidate, Curated, HeldOutLoss, Pair, Segment
from humpback.runs.status import recipes
from humpback.statistics.intervals import Interval
from humpback.statistics.paired import Trainings
from tests.corpus_fixtures import STEPS, TOPICS, paragraph

ARMS = {
    "seed": {},
    "long": {"settings": {"forward.epochs": 3}},
    "oracle": {"scorer": "random", "candidates": "planted", "instructions": "hidden"},
    "shuffled": {"scorer": "random", "candidates": "planted", "instructions": "shuffled"},
    "planted": {"scorer": "random", "candidates": "planted"},
    "random": {"scorer": "random"},
    "others": {"scorer": "random", "candidates": "distractors"},
    "ours": {"scorer": "answer-likelihood"},
    "of-four": {
        "scorer": "random",
        "candidates": "planted",
        "settings": {"augment.per_segment": 3, "augment.best_by": "forward"},
    },
}


@pytest.fixture
def people(tmp_path):
    """Forty pairs with long answers."""
    path = tmp_path / "people.jsonl"
    pairs = [(f"How do I {step} {topic}?", paragraph(topic + step, 7)) for topic in TOPICS for step in STEPS[:4]]
    path.write_text("".join(json.dumps({"instruction": x, "response": y}) + "\n" for x, y in pairs))
    return str(path)


@pytest.fixture
def recover(people, documents):
    guides = sorted(map(str, documents.iterdir()))
    return {
        "pairs": {"source": people},
        "planted": 8,
        "development": 5,
        "distractors": {"guides": guides[:6], "manuals": guides[6:]},
        "min_chars": 300,
        "max_chars": 1500,
    }


def test_a_planted_corpus_holds_bare_answers_among_as_many_others(carry, recover):
    done = carry(ARMS, recover=recover, sizes=[4], seeds=1)
    run = done.run
    segments = list(run.stage("segments").records(Segment))
    pairs = {pair.response: pair for pair in run.stage("planted").records(Pair)}
    assert [row.source for row in segments].count(PLANTED) == len(pairs) == 8
    assert {kind: [row.source for row in segments].count(kind) for kind in ("guides", "manuals")} == {
        "guides": 4,
        "manuals": 4,
    }
    assert all(
        row.text in pairs and pairs[row.text].instruction not in row.text for row in segments if row.source == PLANTED
    )
    assert [row.source for row in segments] != sorted(row.source for row in segments), "they are mixed"
    seeds = {pair.response for pair in run.stage("seed").records(Pair)}
    development = {pair.response for pair in run.stage("development").records(Pair)}
    assert len(development) == 5
    assert not set(pairs) & seeds
    assert not set(pairs) & development


def test_instructions_are_exchanged_as_the_arm_says(carry, recover):
    run = carry(ARMS, recover=recover, sizes=[4], seeds=1).run
    hidden = hidden_instructions(run.stage("planted").records(Pair))
    rows = {
        how: list(run.stage(f"curated-1.random-planted-4{how}.s1").records(Curated))
        for how in ("", "-hidden", "-shuffled")
    }
    assert all(row.source == PLANTED for kind in rows.values() for row in kind)
    assert all(row.instruction == hidden[row.segment_id] for row in rows["-hidden"])
    written = {row.segment_id: row.instruction for row in rows[""]}
    assert sorted(row.instruction for row in rows["-shuffled"]) == sorted(written.values())
    assert [row.id for row in rows["-hidden"]] == [row.id for row in rows[""]]


def test_arms_that_write_otherwise_have_candidates_of_their_own(carry, recover):
    done = carry(ARMS, recover=recover, sizes=[4], seeds=1)
    names = [name for name in done.grid.stages if name.startswith(("drafts", "candidates", "reading"))]
    assert len([name for name in names if name.startswith("drafts")]) == 1
    assert len([name for name in names if name.startswith("reading")]) == 2
    drafts = next(name for name in names if name.startswith("drafts"))
    kept = {row.segment_id for row in done.run.stage(drafts.replace("drafts", "candidates")).records(Candidate)}
    assert kept <= {row.id for row in done.run.stage("segments").records(Segment)}


def test_only_arms_without_candidates_are_measured_on_the_development_part(carry, recover):
    done = carry(ARMS, recover=recover, sizes=[4], seeds=1)
    measured = {cell.row.arm for cell in done.grid.cells if "development" in cell.measured}
    assert measured == {"seed", "long"}
    rows = list(done.run.stage("development.forward-0.seed.s1").records(HeldOutLoss))
    assert len(rows) == 5


def test_everything_is_reported(carry, recover):
    done = carry(ARMS, recover=recover, sizes=[4], seeds=2)
    facts = recovered(done.experiment, done.grid, done.run)
    assert facts is not None
    assert facts.baseline
    assert facts.baseline.arm in ("seed", "long")
    assert {gain.row.arm for gain in facts.gains} == set(ARMS) - {"seed", "long"}
    oracle = next(gain for gain in facts.gains if gain.row.arm == "oracle")
    assert oracle.recovered == pytest.approx(1)
    assert (oracle.interval.low, oracle.interval.high) == pytest.approx((1, 1))
    assert len(facts.oracle_again) == 2
    by_stage = {row.stage: row for row in facts.selected}
    assert by_stage["curated-1.random-distractors-4.s1"].precision == 0
    assert by_stage["curated-1.random-planted-4.s1"].precision == 1
    assert by_stage["curated-1.random-planted-4.s1"].recall == 4 / 8
    assert 0 < by_stage["curated-1.random-4.s1"].base_rate < 1
    assert {row.stage for row in facts.separations} >= {"ratings-1.answer-likelihood", "ratings-1.random.s1"}
    text = "\n".join(recovered_lines(facts))
    for heading in (
        "## Recovered gain",
        "Where it is lost",
        "Planted answers above distractors",
        "with which M_0 reads",
    ):
        assert heading in text
    made = tables(done.experiment, done.grid, done.run)
    findings = Findings(made, [], {}, 1, 1, facts)
    assert "Recovered gain" in markdown(findings)
    assert json.loads(json.dumps(plain(findings)))["recovered"]["baseline"]["arm"] in ("seed", "long")


def test_the_second_time_nothing_is_done_and_another_arm_costs_only_itself(carry, recover):
    carry(ARMS, recover=recover, sizes=[4], seeds=1)
    assert carry(ARMS, recover=recover, sizes=[4], seeds=1).worked.stages == []
    more = carry(ARMS | {"length": {"scorer": "length"}}, recover=recover, sizes=[4], seeds=1)
    assert all("length" in name for name in more.worked.stages)


def test_what_is_planted_decides_the_recipes(grid_of, recover):
    def fingerprints(**changes):
        _, grid = grid_of(ARMS, recover=recover | changes, sizes=[4], seeds=1)
        return {name: recipe.fingerprint for name, recipe in recipes(list(grid.stages.values())).items()}

    before = fingerprints()
    for change in ({"planted": 9}, {"ratio": 2}, {"min_chars": 301}, {"max_chars": 1400}, {"pairs": None}):
        assert fingerprints(**change)["segments"] != before["segments"], change
    assert fingerprints(development=6)["segments"] == before["segments"]
    assert fingerprints()["seed"] == fingerprints(planted=9)["seed"]


@pytest.mark.parametrize(
    ("arms", "changes", "message"),
    [
        (
            {"seed": {}, "mine": {"scorer": "random", "candidates": "planted"}},
            None,
            "asks what was planted, and nothing is",
        ),
        ({"seed": {}, "random": {"scorer": "random"}}, {}, "recover.oracle names 'oracle'"),
        ({"oracle": ARMS["oracle"]}, {}, "give the experiment an arm without a scorer"),
        (ARMS, {"distractors": {}}, "distractors names nothing"),
        ({"seed": {"instructions": "hidden"}}, {}, "has no candidates"),
    ],
)
def test_a_mistake_is_one_line(grid_of, recover, arms, changes, message):
    others = {} if changes is None else {"recover": recover | changes}
    with pytest.raises(ConfigError) as caught:
        grid_of(arms, sizes=[4], **others)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_too_few_pairs_are_said(carry, recover):
    failed = carry(ARMS, recover=recover | {"planted": 400}, sizes=[4], seeds=1).failed
    assert "planted: 48 pairs outside the seed have answers of 300 to 1500 characters" in failed["planted"]


def test_too_few_distractors_are_said(carry, recover):
    failed = carry(ARMS, recover=recover | {"ratio": 10}, sizes=[4], seeds=1).failed
    assert "distractors.guides gives 9 segments, and 40 are needed" in failed["segments"]


def facts(**changes):
    values = {
        "baseline": Row("seed"), "baseline_loss": 2.2, "by_development": True, "others": {}, "ceiling": 0.05,
        "ceiling_interval": Interval(0.04, 0.06), "noise": 0.005, "oracle_again": (), "gains": (), "selected": (),
        "separations": (), "readings": (),
    }  # fmt: skip
    return Recovered(**values | changes)


def test_a_gain_that_is_lost_in_the_noise_of_trainings_is_not_valid():
    assert facts().valid
    assert not facts(noise=0.011).valid
    assert not facts(noise=math.nan).valid
    assert "Not valid" in "\n".join(recovered_lines(facts(noise=0.011)))
    assert "Not valid" not in "\n".join(recovered_lines(facts()))
    assert "Not known yet" in "\n".join(recovered_lines(facts(baseline=None, ceiling=math.nan)))
    assert plain_recovered(facts())["ceiling"] == 0.05


def test_who_says_which_arm_counts_as_m_0():
    def said(**changes):
        return "\n".join(recovered_lines(facts(**changes)))

    assert "development" not in said()
    assert "The development part prefers it to 'long' 2.3000." in said(others={"long": 2.3})
    assert "No development part chose it; 'long' 2.1000." in said(others={"long": 2.1}, by_development=False)


def test_separation_is_by_kind_and_has_an_interval():
    scores = {PLANTED: [3.0, 4.0, 5.0, 6.0], "news": [1.0, 2.0], "links": [3.5, 7.0]}
    made = separate("ratings", scores)
    assert made is not None
    assert made.kinds["news"] == 1
    assert made.kinds["links"] == pytest.approx(3 / 8)
    assert made.auroc == pytest.approx((8 + 3) / 16)
    assert made.interval.low < made.auroc < made.interval.high
    assert separate("ratings", {PLANTED: [1.0]}) is None


def experiment_of(arms, **others):
    text = json.dumps({"arms": arms, "sizes": [4]} | others)
    return parse_settings(text, "grid.yaml", ExperimentSettings)


def measured(value):
    return Trainings((1,), np.array([[value, value]]), np.ones((1, 2)))


def test_a_part_of_the_seed_says_what_a_doubling_is_worth():
    experiment = experiment_of({"seed": {}, "half": {"seed_share": 0.5}, "random": {"scorer": "random"}})
    trainings = {Row("seed"): measured(2.0), Row("half"): measured(2.1), Row("random", 4, 1): measured(1.9)}
    ceiling = ceiling_of(experiment, trainings, {Row("seed"): 64, Row("half"): 32})
    assert ceiling is not None
    assert ceiling.of(64, against=2.0) == pytest.approx(0.1)
    assert ceiling.of(3 * 64, against=2.0) == pytest.approx(0.2)
    assert ceiling_of(experiment, {Row("seed"): measured(2.0)}, {Row("seed"): 64}) is None


def test_there_is_no_verdict_where_nothing_can_be_told(carry):
    """The models of a dry run differ by chance alone, so the seed's half is as good as the seed."""
    arms = {"seed": {}, "half": {"seed_share": 0.5}, "random": {"scorer": "random"}}
    done = carry(arms, sizes=[4], seeds=2)
    (table,) = tables(done.experiment, done.grid, done.run)
    assert table.ceiling is not None
    verdicts = {item.verdict for result in table.results if result.row.arm == "random" for item in result.against}
    assert verdicts == {"no verdict"}
    text = markdown(Findings([table], [], {}, 1, 1))
    assert "What there is to gain at most: a doubling of the seed brings" in text
    without = carry({"seed": {}, "random": {"scorer": "random"}}, sizes=[4], seeds=2)
    (table,) = tables(without.experiment, without.grid, without.run)
    assert table.ceiling is None
    assert "is not known: an arm with seed_share" in markdown(Findings([table], [], {}, 1, 1))


def test_a_part_of_the_seed_is_trained_on(carry):
    done = carry({"seed": {}, "half": {"seed_share": 0.5}}, seeds=1)
    counts = {
        name: done.run.stage(name).manifest()["counts"]["read"]
        for name in ("forward-0.seed.s1", "forward-0.seed-0.5.s1")
    }
    assert counts == {"forward-0.seed.s1": 18, "forward-0.seed-0.5.s1": 9}


def test_an_oracle_is_what_one_figure_holds_for_all():
    assert Ceiling("", 2.0, 0.05).of(7, against=2.0) == 0.05


def test_on_candidates_that_did_harm_there_is_more_to_gain():
    ceiling = Ceiling("", 2.0, 0.05)
    assert ceiling.of(7, against=2.03) == pytest.approx(0.08)
    assert ceiling.of(7, against=1.98) == 0.05
