import pytest

from humpback.config import CurateSettings, TagSettings
from humpback.curate import make_scorer
from humpback.curate.cycle import likeness
from humpback.engines.fake import FakeEngine
from humpback.records import Candidate
from humpback.requests import Completion

TEXT = "Whales sing to find one another in dark water."


def candidate(instruction):
    return Candidate(instruction, "s", "d", "doc", (), instruction, TEXT, "M_yx", -1.0)


def rate(replies):
    asked = []

    def reply(request):
        asked.append(request)
        return replies[request.id]

    scorer = make_scorer(CurateSettings(scorer="cycle", max_new_tokens=40), 0, 1, "ratings-1", TagSettings())
    return scorer.score([candidate(name) for name in replies], FakeEngine("M_0", reply=reply)).kept, asked


def test_an_instruction_whose_answer_is_like_the_response_scores_higher():
    (near, far), asked = rate({"Why do whales sing?": "To find one another in dark water.", "What is tea?": "A drink."})

    assert near.score > 0.7
    assert far.score == 0
    assert (near.scorer, near.model, near.reply) == ("cycle", "M_0", "To find one another in dark water.")
    assert {(one.sampling.temperature, one.sampling.max_new_tokens) for one in asked} == {(0, 40)}


def test_what_the_engine_cannot_answer_has_no_score():
    ((rating,), _) = rate({"Why?": Completion("Why?", "", "error", 0, 0, 0.0, "too long")})

    assert (rating.state, rating.score, rating.reply) == ("unparsed", None, "too long")


@pytest.mark.parametrize(
    ("answer", "response", "value"),
    [
        ("a b c d", "a b c d", 1.0),
        ("A, b. C!", "a b c and a long rest that the answer had no room for", 1.0),
        ("d c b a", "a b x y", 0.5),
        ("a a a a", "a b c d", 0.25),
        ("", "a b c", 0.0),
        ("a b", "", 0.0),
    ],
)
def test_likeness_counts_words_up_to_the_length_of_the_answer(answer, response, value):
    assert likeness(answer, response) == pytest.approx(value)
