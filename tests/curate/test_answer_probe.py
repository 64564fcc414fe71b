"""The scorer `answer-probe`: what its score means, and that it never judges a text by having seen it."""

from itertools import product

import pytest

from humpback.config import CurateSettings
from humpback.curate.answer_probe import find_probe
from humpback.curate.scorers import make_scorer
from humpback.demo.sections import sections, text_id
from humpback.engines.fake import FakeEngine
from humpback.errors import ConfigError, StageError
from humpback.records import Candidate
from humpback.requests import Embedding

ANSWERS = {section.id: section.answers for section in sections()}


class Knowing(FakeEngine):
    """Its hidden states say whether a text answers something, beside which document it is of and its length."""

    def embed(self, requests):
        for request in requests:
            answers = ANSWERS.get(text_id(request.text), "please" in request.text)
            noise = len(request.text) % 7 / 10
            yield Embedding(request.id, (answers + noise, noise, len(request.text) / 1000), 1)


class Guessing(FakeEngine):
    """Its hidden states know each section by heart, and nothing that sections have in common."""

    def embed(self, requests):
        for request in requests:
            digest = bytes.fromhex(text_id(request.text)[:32])
            yield Embedding(request.id, tuple(byte / 256 for byte in digest) * 40, 1)


def rated(engine, *texts):
    (probe,) = find_probe(engine).kept
    scorer = make_scorer(CurateSettings(scorer="answer-probe"), 0, 1, "ratings-1", direction=probe)
    candidates = [Candidate(f"c{n}", "s", "d", "", (), "Say it.", text, "M", -1.0) for n, text in enumerate(texts)]
    return probe, scorer.score(candidates, engine).kept


def test_answers_lie_near_1_and_other_texts_near_0():
    probe, (like, unlike) = rated(Knowing(), "Now, please.", "Now or never.")

    assert probe.transfer > 0.95
    assert like.score == pytest.approx(1, abs=0.3)
    assert unlike.score == pytest.approx(0, abs=0.3)
    assert (like.scorer, like.state) == ("answer-probe", "scored")


def test_a_text_that_it_was_fitted_on_is_judged_by_a_fit_that_has_seen_nothing_of_its_document():
    shown = sections()
    _, ratings = rated(Guessing(), *(f"\n{section.text}\n" for section in shown))
    answers = [rating.score for rating, section in zip(ratings, shown, strict=True) if section.answers]
    others = [rating.score for rating, section in zip(ratings, shown, strict=True) if not section.answers]

    # By heart it would put all answers above all others.
    assert sum(a > b for a in answers for b in others) / len(answers) / len(others) == pytest.approx(0.5, abs=0.1)


def test_without_a_fit_or_where_a_text_cannot_be_read_it_says_so():
    class Blind(Knowing):
        def embed(self, requests):
            return (Embedding(request.id, error="it is too long") for request in requests)

    with pytest.raises(ConfigError, match="not fitted"):
        make_scorer(CurateSettings(scorer="answer-probe"), 0, 1, "ratings-1")
    with pytest.raises(StageError, match="cannot read the texts"):
        find_probe(Blind())


def test_the_sections_that_ship_are_told_apart_and_each_side_has_a_document_in_each_fold():
    shown = sections()
    assert [sum(section.answers is answers for section in shown) for answers in (True, False)] == [288, 60]
    assert len(ANSWERS) == len(shown)
    assert {(section.answers, section.document % 5) for section in shown} == set(product((True, False), range(5)))
