"""What every scorer must do. A new scorer is tested by being in the table; its own tests say what its score means."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import permutations
from pathlib import Path
from typing import Any, get_args

import pytest

from humpback.config import SCORERS, Config, CurateSettings, ScorerName, SingleScorer
from humpback.config.flat import flat_settings
from humpback.curate import NoModel, Ranks, make_scorer, separation
from humpback.curate.likelihood import LIKELIHOODS
from humpback.curate.scorers import MAKERS
from humpback.engines.fake import FakeEngine
from humpback.errors import EngineError
from humpback.method.rating import rate
from humpback.prompts import template_text
from humpback.records import Candidate, Pair, Rating, Usage
from humpback.runs.stage import MapShards, Produce, Stage
from humpback.runs.status import recipes
from tests.variations import names, varied

TEXTS = (
    "Whales sing to find one another. The songs of one sea are alike. Every year they change a little.",
    "Mix flour and water. Wait an hour, or better two. Then bake the bread until it sounds hollow.",
    "The harbour lies behind a wall of grey stone. Boats come in at high tide. The wind is loud there.",
)
CANDIDATES = [
    Candidate(
        id=f"c{number}",
        segment_id=f"s{number}",
        document_id=f"d{number % 7}",
        source="doc.html",
        title_path=("A",),
        instruction=f"What is number {number}?",
        response=f"{TEXTS[number % 3]} It is number {number}. {'So it goes on. ' * (number % 5)}",
        model="M_yx",
        log_probability=-(1 + number % 13) / 7,
        gain=(number % 11) / 7,
    )
    for number in range(60)
]
PAIRS = [Pair(f"p{number}", f"Tell {number}.", f"{TEXTS[number % 3]} {number}.", "seed", "x") for number in range(60)]
ALONE = [name for name, spec in SCORERS.items() if spec.needs != "members"]
ASKING = [name for name in ALONE if SCORERS[name].asks_model]


def test_the_scorers_that_share_readings_are_those_that_a_table_makes():
    assert {name for name, spec in SCORERS.items() if spec.shares_readings} == LIKELIHOODS.keys()


class Listening(FakeEngine):
    """Keeps what it is asked."""

    def __init__(self) -> None:
        super().__init__("M_0")
        self.asked: list[Any] = []

    def generate(self, requests):
        requests = list(requests)
        self.asked += requests
        return super().generate(requests)

    def loglikelihood(self, requests):
        requests = list(requests)
        self.asked += requests
        return super().loglikelihood(requests)

    def embed(self, requests):
        requests = list(requests)
        self.asked += requests
        return super().embed(requests)


class Refusing(FakeEngine):
    """Cannot read candidate c3, does not answer about c4, and answers in the opposite order."""

    def __init__(self) -> None:
        super().__init__("M_0")

    def generate(self, requests):
        answers = [answer for answer in super().generate(requests) if answer.id != "c4"]
        return iter([self._refused(answer, finish_reason="error", text="") for answer in reversed(answers)])

    def loglikelihood(self, requests):
        answers = [answer for answer in super().loglikelihood(requests) if answer.id != "c4"]
        return iter([self._refused(answer, log_probabilities=(), spans=()) for answer in reversed(answers)])

    def embed(self, requests):
        answers = [answer for answer in super().embed(requests) if answer.id != "c4"]
        return iter([self._refused(answer, values=()) for answer in reversed(answers)])

    def _refused(self, answer, **changes):
        return replace(answer, error="it is too long", **changes) if answer.id == "c3" else answer


@dataclass
class Memory:
    """The records that stages read, and the one engine they ask."""

    engine_: Any
    stages: dict[str, list[Any]]
    usage: Usage = field(default_factory=Usage)
    """Of the last stage."""

    def records(self, stage: str, kind: type) -> Iterator[Any]:
        return iter(self.stages[stage])

    def column(self, stage: str, name: str) -> Iterator[Any]:
        return (getattr(record, name) for record in self.stages[stage])

    def base(self) -> Path:
        raise NotImplementedError

    @contextmanager
    def engine(self, stage: str, *, embeds: bool = False) -> Iterator[Any]:
        yield self.engine_


def stages_of(config: Config) -> tuple[Stage, ...]:
    """The stages from candidates to ratings."""
    nothing = Produce(lambda inputs, part, done: iter(()))
    pairs, candidates, model = (Stage(name, "", (), {}, nothing) for name in ("seed", "candidates", "forward-0"))
    return pairs, candidates, model, *rate(config, 1, candidates, pairs, model)


def config_of(scorer: str, **curate: Any) -> Config:
    return Config.model_validate({"curate": {"scorer": scorer, "calibration_pairs": 16, **curate}})


def ratings_of(
    config: Config, engine: Any = None, candidates: Sequence[Candidate] = CANDIDATES, rows: int = 20
) -> list[Rating]:
    """What the last of these stages makes, carried out shard by shard."""
    return carried_out(config, engine, candidates, rows)[0]


def carried_out(
    config: Config, engine: Any = None, candidates: Sequence[Candidate] = CANDIDATES, rows: int = 20
) -> tuple[list[Rating], Usage]:
    memory = Memory(engine or FakeEngine("M_0"), {"seed": PAIRS, "candidates": list(candidates)})
    _, _, _, *stages = stages_of(config)
    for stage in stages:
        memory.usage = Usage()
        memory.stages[stage.name] = list(_carried_out(stage, memory, rows))
    return memory.stages[stages[-1].name], memory.usage


def _carried_out(stage: Stage, memory: Memory, rows: int) -> Iterator[Any]:
    if isinstance(stage.work, Produce):
        for outcome in stage.work.shards(memory, 0, 0):
            yield from outcome.kept
        return
    assert isinstance(stage.work, MapShards)
    columns = [memory.stages[name] for name, _ in stage.work.over]
    with stage.work.open(memory) as apply:
        for first in range(0, len(columns[0]), rows):
            outcome = apply(*(records[first : first + rows] for records in columns))
            assert outcome.read == len(outcome.kept)
            memory.usage += outcome.usage
            yield from outcome.kept


def test_the_tables_and_the_types_name_the_same_scorers():
    single = get_args(SingleScorer)

    assert tuple(SCORERS) == (*single, "ensemble", "two-questions")
    assert set(MAKERS) == set(SCORERS)
    assert get_args(ScorerName) == ("auto", *SCORERS)


@pytest.mark.parametrize("scorer", SCORERS)
def test_an_entry_is_whole(scorer):
    spec = SCORERS[scorer]

    assert spec.name == scorer
    assert spec.does
    assert spec.step > 0
    assert spec.spread > 0
    assert spec.scale is None or spec.scale[0] < spec.scale[1]
    assert set(flat_settings(Config(), *spec.settings)) > {"curate.scorer"}
    assert all(template_text(prompt) is not None for prompt in spec.prompts)
    assert spec.asks_model or not spec.prompts


@pytest.mark.parametrize("scorer", SCORERS)
def test_the_documentation_has_a_row_for_it(scorer):
    assert f"`{scorer}`" in Path("docs/curation.md").read_text(encoding="utf-8").split("##")[0]


@pytest.mark.parametrize("scorer", SCORERS)
def test_every_candidate_has_one_rating_in_order(scorer):
    ratings = ratings_of(config_of(scorer))

    assert [rating.id for rating in ratings] == [candidate.id for candidate in CANDIDATES]
    assert {(rating.scorer, rating.iteration) for rating in ratings} == {(scorer, 1)}
    for rating in ratings:
        assert (rating.score is None) == (rating.state in ("unparsed", "truncated"))
        assert rating.score is not None or rating.reply, "a rating without a score says why"
    assert sum(rating.score is not None for rating in ratings) > 50


@pytest.mark.parametrize("scorer", SCORERS)
def test_scores_lie_on_the_declared_scale(scorer):
    scores = [rating.score for rating in ratings_of(config_of(scorer)) if rating.score is not None]
    low, high = SCORERS[scorer].scale or (float("-inf"), float("inf"))

    assert min(scores) >= low
    assert max(scores) <= high
    assert len(set(scores)) > 1


@pytest.mark.parametrize("scorer", ALONE)
def test_a_rating_depends_neither_on_the_shard_nor_on_the_order(scorer):
    config = config_of(scorer)
    ratings = ratings_of(config)

    assert ratings_of(config) == ratings
    assert ratings_of(config, rows=7) == ratings
    assert ratings_of(config, candidates=CANDIDATES[::-1])[::-1] == ratings


@pytest.mark.parametrize("scorer", ASKING)
def test_what_the_engine_cannot_answer_is_unparsed_and_has_no_score(scorer):
    # The calibration reads other pairs, with other ids.
    ratings = {rating.id: rating for rating in ratings_of(config_of(scorer), Refusing())}
    others = {rating.id: rating for rating in ratings_of(config_of(scorer)) if rating.id not in ("c3", "c4")}

    assert (ratings["c3"].state, ratings["c3"].score, ratings["c3"].reply) == ("unparsed", None, "it is too long")
    assert (ratings["c4"].state, ratings["c4"].score) == ("unparsed", None)
    assert ratings["c4"].reply == "the engine gave no answer"
    assert {key: rating for key, rating in ratings.items() if key in others} == others, "an answer is joined by its id"


@pytest.mark.parametrize("scorer", ALONE)
def test_it_asks_a_model_where_the_table_says_so_and_nowhere_else(scorer):
    engine = Listening()
    ratings, usage = carried_out(config_of(scorer), engine)

    assert bool(engine.asked) == SCORERS[scorer].asks_model == (usage.read > 0)
    assert {rating.model for rating in ratings} == ({"M_0"} if SCORERS[scorer].asks_model else {NoModel.model})
    if SCORERS[scorer].asks_model:
        with pytest.raises(EngineError, match="given none"):
            ratings_of(config_of(scorer), NoModel())


@pytest.mark.parametrize("members", list(permutations(("ifd", "gain", "answer-likelihood"))))
def test_what_several_members_read_is_asked_for_once_and_changes_no_score(members):
    engine = Listening()
    ratings = ratings_of(config_of("ensemble", ensemble=dict.fromkeys(members, 1)), engine)
    columns = [[rating.score for rating in ratings_of(config_of(name))] for name in members]
    ranks = [[Ranks(column).share(score) for score in column] for column in columns]

    assert [rating.score for rating in ratings] == [sum(shares) / 3 for shares in zip(*ranks, strict=True)]
    assert len(engine.asked) == len(set(engine.asked)) == 2 * len(CANDIDATES)


def test_a_member_that_finds_all_it_needs_opens_no_engine_and_one_that_does_not_asks_for_the_rest():
    gain, answer = (make_scorer(CurateSettings(scorer=name), 0, 1, "") for name in ("gain", "answer-likelihood"))
    earlier = gain.score(CANDIDATES, Refusing()).kept
    # Ratings of an older version say nothing of what was read.
    earlier = (replace(earlier[0], reply=""), *earlier[1:])
    engine = Listening()

    assert answer.score_after(earlier, CANDIDATES, lambda: engine).kept == answer.score(CANDIDATES, Listening()).kept
    assert [request.id for request in engine.asked] == ["c0", "c3", "c4"]
    assert len(answer.score_after(earlier[5:], CANDIDATES[5:], lambda: pytest.fail("opened")).kept) == 55


@pytest.mark.parametrize("scorer", SCORERS)
def test_what_it_needs_is_a_stage_before_it_or_a_rating_without_a_score(scorer):
    needs = SCORERS[scorer].needs
    questions = {"asks": {"length": 1}, "answers": {"random": 2}}
    config = config_of(scorer, ensemble={"length": 1, "random": 2}, questions=questions)
    _, _, _, *stages = stages_of(config)
    expected = {
        "calibration": ["calibration-1"],
        "direction": ["direction-1"],
        "probe": ["probe-1"],
        "members": ["scores-1-length", "scores-1-random"],
    }

    assert [stage.name for stage in stages] == [*expected.get(needs, []), "ratings-1"]
    if needs == "stored":
        without = [replace(candidate, gain=None, log_probability=0.0) for candidate in CANDIDATES[:3]]
        assert {rating.state for rating in ratings_of(config, candidates=without)} == {"unparsed"}


DECIDING = [name for name in names(Config()) if name.startswith(("curate.", "tags.", "run.seed"))]
CASES = [
    *((scorer, {}) for scorer in SCORERS),
    ("rating", {"samples": 2}),
    ("rating", {"cascade": {"share": 0.5}}),
    ("length", {"cascade": {"share": 0.5}}),
    ("calibrated", {"follow_up": True}),
]


@pytest.mark.parametrize(("scorer", "options"), CASES, ids=lambda value: str(value))
def test_a_setting_that_changes_a_request_or_a_rating_changes_the_fingerprint(scorer, options):
    """All settings of curation, varied: what changes what is asked or given must not be missing from the recipe."""
    before = _asked_and_given(config_of(scorer, **options))
    for name in DECIDING:
        if name in ("curate.scorer", "curate.labels"):  # labels are read from files: tests/curate/test_learning.py
            continue
        changed = next(varied(config_of(scorer, **options), name, {"curate.direction_pairs": 30}), None)
        if changed is not None and _fingerprint(changed) == before[0]:
            assert _asked_and_given(changed) == before, f"{name} is missing from the recipe of {scorer}"


def _fingerprint(config: Config) -> str:
    return recipes(stages_of(config))["ratings-1"].fingerprint


def _asked_and_given(config: Config) -> tuple[str, list[Any], list[Rating]]:
    engine = Listening()
    ratings = ratings_of(config, engine, CANDIDATES[:12])
    return _fingerprint(config), engine.asked, ratings


@pytest.mark.parametrize("scorer", SCORERS)
def test_the_report_can_say_whether_it_separates(scorer):
    spec = SCORERS[scorer]
    middle = 3.0 if spec.takes_threshold else 0.45
    draw = random.Random(0)
    narrow = [middle + draw.gauss(0, spec.spread / 3) for _ in range(500)]
    wide = [middle + draw.gauss(0, spec.spread * 3) for _ in range(500)]

    assert separation(narrow, scorer).flat
    assert not separation(wide, scorer).flat
    assert separation([middle] * 500, scorer).flat


def test_the_same_numbers_are_judged_alike_whichever_scorer_of_their_kind_gave_them():
    """stored-gain, cycle and ensemble were once judged like written grades, which move in halves."""
    draw = random.Random(0)
    scores = [draw.gauss(0.45, 0.12) for _ in range(2000)]
    kinds = ("backward-gain", "stored-gain", "cycle", "ensemble")

    assert [separation(scores, scorer).flat for scorer in kinds] == [False] * 4
    assert len({separation(scores, scorer).sentence for scorer in kinds}) == 1
