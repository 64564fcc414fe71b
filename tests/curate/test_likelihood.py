"""Scores that are one likelihood, held against the engine's own readings."""

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from humpback.config import CurateSettings, ModelSettings, TagSettings
from humpback.curate import make_scorer
from humpback.curate.likelihood import LIKELIHOODS
from humpback.engines.fake import FakeEngine
from humpback.engines.transformers import TransformersEngine
from humpback.prompts import CRITERIA, backward_messages, forward_messages
from humpback.records import Candidate
from humpback.requests import LikelihoodRequest

NAMES = [*LIKELIHOODS, "yes-no", "additive"]
TAGS = TagSettings()


def candidate(name: str, instruction: str = "How do I bake bread?", response: str = "Mix flour and water, then wait."):
    return Candidate(name, "s", "d", "doc", (), instruction, response, "M_yx", -1.0)


SOME = [candidate("a"), candidate("b", "Why is the sky blue?"), candidate("c", response="The sea. The wind. " * 9)]


@pytest.fixture(scope="module")
def engine(tiny_model):
    engine = TransformersEngine(tiny_model, "tiny", ModelSettings(name="tiny", device="cpu", max_tokens=900))
    yield engine
    engine.close()


def scorer(name: str):
    return make_scorer(CurateSettings(scorer=name), 0, 1, "ratings-1")


def scores(name: str, engine, candidates=SOME) -> list[float]:
    return [rating.score for rating in scorer(name).score(candidates, engine).kept]


@pytest.mark.parametrize("name", NAMES)
def test_every_candidate_gets_a_score_whatever_else_is_read(engine, name):
    outcome = scorer(name).score(SOME, engine)

    assert [(rating.id, rating.state, rating.scorer) for rating in outcome.kept] == [
        (one.id, "scored", name) for one in SOME
    ]
    assert outcome.usage.read > 0
    for one, score in zip(SOME, [rating.score for rating in outcome.kept], strict=True):
        assert scores(name, engine, [one]) == pytest.approx([score], abs=1e-3)


def test_gain_is_what_the_instruction_adds_to_a_token_of_the_response(engine, tiny_model):
    one = SOME[0]
    network, tokenizer = (kind.from_pretrained(tiny_model) for kind in (AutoModelForCausalLM, AutoTokenizer))
    ids = tokenizer(one.response, return_tensors="pt").input_ids
    with torch.no_grad():
        plain = -float(network(ids, labels=ids).loss)
    asked = forward_messages(one.instruction, TAGS, ("seed",))
    (given,) = engine.loglikelihood([LikelihoodRequest("a", asked, (one.response,))])
    mean = given.log_probabilities[0] / given.tokens[0]
    (gain,), (ratio,), (relative,) = (scores(name, engine, [one]) for name in ("gain", "ifd", "relative-gain"))
    alone = mean - gain

    assert alone == pytest.approx(plain, abs=1e-3), "a plain text, without the template of a conversation"
    assert relative == pytest.approx(gain / -alone, abs=1e-3)
    assert ratio == pytest.approx(mean / alone if mean > alone else 1 - mean / alone, abs=1e-3)


def test_backward_gain_tells_the_instruction_from_another_by_what_the_response_says(engine):
    given = [LikelihoodRequest(one.id, backward_messages(one.response), (one.instruction,)) for one in SOME[::2]]
    first, second = (answer.log_probabilities[0] for answer in sorted(engine.loglikelihood(given), key=lambda a: a.id))
    same, other = scores("backward-gain", engine, SOME[::2])

    assert same - other == pytest.approx(first - second, abs=1e-3), "the instruction alone is the same"


def test_closure_is_the_probability_of_the_end(engine):
    one = SOME[0]
    asked = forward_messages(one.instruction, TAGS, ("seed",))
    requests = [LikelihoodRequest(str(ends), asked, (one.response,), ends=ends) for ends in (False, True)]
    without, whole = (answer.log_probabilities[0] for answer in engine.loglikelihood(requests))

    assert scores("end-of-sequence", engine, [one]) == pytest.approx([whole - without], abs=1e-3)


def test_yes_and_no_share_the_scale_between_them():
    for values, score in (((-1.0, -1.0), 3.0), ((-0.1, -99.0), 5.0), ((-99.0, -0.1), 1.0)):
        engine = FakeEngine(likelihoods=lambda request, values=values: values)
        assert scores("yes-no", engine, SOME[:1]) == pytest.approx([score])


def test_additive_gives_at_most_a_point_for_each_criterion(engine):
    for rating in scorer("additive").score(SOME, engine).kept:
        points = dict(word.split("=") for word in rating.reply.split())
        assert tuple(points) == CRITERIA
        assert all(0 <= float(point) <= 1 for point in points.values())
        assert rating.score == pytest.approx(sum(map(float, points.values())), abs=1e-3)
