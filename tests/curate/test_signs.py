"""What two passes over a pair say of it, held against plain readings of the same text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from humpback.config import ModelSettings, TagSettings
from humpback.curate.rating import grade_shares
from humpback.curate.signs import GRADE, SIGNS, read_signs
from humpback.engines.fake import FakeEngine
from humpback.engines.transformers import TransformersEngine
from humpback.prompts import EXPECTED_RATING_PREFIX, GRADES, backward_messages, follow_up_messages, forward_messages
from humpback.records import Pair
from humpback.requests import LikelihoodRequest, Message, Part

TEXT = "Mix flour and water. Wait until it has risen, for an hour or more. Then bake it and eat it."
NO_TAGS = TagSettings(enabled=False)


def pair(name: str, response: str = TEXT, instruction: str = "How do I bake bread?") -> Pair:
    return Pair(name, instruction, response, "seed", "")


@pytest.fixture(scope="module")
def engine(tiny_chat_model):
    engine = TransformersEngine(tiny_chat_model, "tiny", ModelSettings(name="tiny", device="cpu", max_tokens=600))
    yield engine
    engine.close()


def signs_of(engine, *pairs: Pair) -> list[dict[str, float]]:
    return [dict(found.values) for found in read_signs(pairs, engine, NO_TAGS, follow_up=False)[0]]


def test_a_pair_has_every_sign(engine):
    (found,) = signs_of(engine, pair("a"))

    assert set(found) == set(SIGNS)


def test_closing_is_what_the_end_of_the_turn_adds_to_the_answer(engine):
    asked = forward_messages("How do I bake bread?", NO_TAGS, ("seed",))
    requests = [LikelihoodRequest(str(ends), asked, (TEXT,), ends=ends) for ends in (False, True)]
    without, with_end = (answer.log_probabilities[0] for answer in engine.loglikelihood(requests))
    (found,) = signs_of(engine, pair("a"))

    assert found["closing"] == pytest.approx(with_end - without, abs=1e-3)


def test_answering_is_what_the_response_adds_to_the_instruction(engine):
    instruction, longer = "How do I bake bread?", TEXT + " And once more: eat it." * 20
    found, other = signs_of(engine, pair("a"), pair("b", longer))
    requests = [LikelihoodRequest(text, backward_messages(text[:200]), (instruction,)) for text in (TEXT, longer)]
    first, second = (answer.log_probabilities[0] for answer in engine.loglikelihood(requests))

    assert found["answering"] - other["answering"] == pytest.approx(first - second, abs=1e-3)


def test_the_end_of_a_response_that_was_cut_is_not_held_against_it(engine):
    whole, cut = signs_of(engine, pair("a"), pair("b", "Mix and wait. " * 300))

    assert "closing" in whole
    assert "closing" not in cut


def test_signs_do_not_depend_on_what_else_is_read(engine):
    pairs = [pair("a"), pair("b", "No."), pair("c", instruction="Why?")]
    together = signs_of(engine, *pairs)

    for one, found in zip(pairs, together, strict=True):
        (alone,) = signs_of(engine, one)
        assert alone == pytest.approx(found, abs=1e-3)


def test_starts_are_the_first_tokens_of_the_sentences(engine):
    """Of one sentence that is the token by which the answer begins, on which `opening` stands too."""
    (found,) = signs_of(engine, pair("a", "M"))

    assert found["starts"] == pytest.approx(found["opening"], abs=1e-3)


def test_a_grade_is_read_in_the_same_pass_and_changes_no_other_sign(engine):
    pairs = [pair("a"), pair("b", TEXT + " Then bake another one, and eat that too."), pair("c", "Mix. " * 300)]
    plain, _ = read_signs(pairs, engine, NO_TAGS, follow_up=False)
    graded, _ = read_signs(pairs, engine, NO_TAGS, follow_up=True)
    requests = [
        LikelihoodRequest(
            one.id,
            (
                *forward_messages(one.instruction, NO_TAGS, ("seed",)),
                Message("assistant", (Part(one.response, cut=True),)),
                *follow_up_messages(),
            ),
            GRADES,
            EXPECTED_RATING_PREFIX,
        )
        for one in pairs
    ]
    alone = {answer.id: grade_shares(answer.log_probabilities) for answer in engine.loglikelihood(requests)}

    for one, before, found in zip(pairs[:2], plain, graded, strict=False):
        values = dict(found.values)
        grade = values.pop(GRADE)
        assert grade == pytest.approx(sum(k * share for k, share in enumerate(alone[one.id], 1)), abs=1e-3)
        assert values == pytest.approx(dict(before.values), abs=2e-3)
    assert "closing" not in graded[2].values, "cut"
    assert GRADE in graded[2].values


@given(st.text(max_size=80))
def test_any_text_has_signs_or_a_reason(text):
    (found,) = read_signs([pair("a", text)], FakeEngine(), NO_TAGS, follow_up=False)[0]

    assert bool(found.error) == (not text.strip())
    assert found.error or set(found.values) == set(SIGNS)


def test_a_full_stop_without_a_blank_behind_it_hides_no_end():
    (found,) = read_signs(
        [pair("a", "港は長い石の壁の後ろにある。海はうるさい。")], FakeEngine(), NO_TAGS, follow_up=False
    )[0]

    assert "closing" in found.values


def test_what_cannot_be_read_says_why():
    (found,) = read_signs([pair("a", instruction="x" * 9000)], FakeEngine(max_chars=2000), NO_TAGS, follow_up=False)[0]

    assert "too long" in found.error
    assert not found.values


def test_white_space_alone_is_no_response():
    (found,) = read_signs([pair("a", "\r")], FakeEngine(), NO_TAGS, follow_up=False)[0]

    assert found.error == "nothing of the response was read"
