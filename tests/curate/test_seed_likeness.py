"""The scorer `seed-likeness`: what its score means."""

import pytest

from humpback.config import CurateSettings
from humpback.curate.scorers import make_scorer
from humpback.curate.seed_likeness import find_pair_direction, pair_text
from humpback.engines.fake import FakeEngine
from humpback.errors import ConfigError, StageError
from humpback.likeness.measuring import Sampled
from humpback.records import Candidate
from humpback.requests import Embedding
from tests.command import humpback


class Telling(FakeEngine):
    """Its hidden states say how polite a text is, and a second thing that has nothing to do with it."""

    def embed(self, requests):
        for request in requests:
            noise = len(request.text) % 5 / 20
            yield Embedding(request.id, (request.text.count("please") + noise, noise), 1)


def candidate(name: str, response: str) -> Candidate:
    return Candidate(name, "s", "d", "x", (), "Say it.", response, "M_yx", -1.0)


POLITE = [Sampled(f"p{n}", pair_text("Say it.", f"Yes, please. {'x' * n}")) for n in range(20)]
OTHERS = [Sampled(f"o{n}", pair_text("Say it.", f"No. {'x' * n}")) for n in range(20)]


def test_pairs_like_the_seed_score_near_1_and_pairs_like_the_candidates_near_0():
    engine = Telling()
    (direction,) = find_pair_direction(POLITE, OTHERS, engine).kept
    scorer = make_scorer(CurateSettings(scorer="seed-likeness"), 0, 1, "ratings-1", direction=direction)
    like, unlike = scorer.score([candidate("a", "Now, please."), candidate("b", "Now or never.")], engine).kept

    assert direction.transfer > 0.95
    assert like.score == pytest.approx(1, abs=0.3)
    assert unlike.score == pytest.approx(0, abs=0.3)
    assert (like.scorer, like.state) == ("seed-likeness", "scored")


def test_a_candidate_that_the_direction_was_made_from_keeps_its_held_back_score():
    engine = Telling()
    (direction,) = find_pair_direction(POLITE, OTHERS, engine).kept
    scorer = make_scorer(CurateSettings(scorer="seed-likeness"), 0, 1, "ratings-1", direction=direction)
    (rating,) = scorer.score([candidate("o3", "No. xxx")], engine).kept

    assert rating.score == direction.seen_scores[direction.seen_ids.index("o3")]


def test_without_a_direction_or_enough_pairs_it_says_so():
    with pytest.raises(ConfigError, match="has not seen the seed's pairs"):
        make_scorer(CurateSettings(scorer="seed-likeness"), 0, 1, "ratings-1")
    with pytest.raises(StageError, match="9 seed answers"):
        find_pair_direction(POLITE[:9], OTHERS, Telling())


def test_anybodys_pairs_can_be_rated_by_it(tmp_path, seed_file, tiny_model):
    out = tmp_path / "ratings.jsonl"
    done = humpback(
        "rate", seed_file, "--model", tiny_model, "--out", out, "--set", "curate.scorer=seed-likeness",
        "--set", f"seed.source={seed_file}", "--set", "model.device=cpu",
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "24 scored" in done.stdout
    assert len(out.read_text().splitlines()) == 24
