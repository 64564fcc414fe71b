"""What a rating found, in words."""

import pytest

from humpback.curate.findings import finding, low_signs
from humpback.records import Rating, RatingState


def rated(scorer: str, reply: str, state: RatingState = "scored") -> Rating:
    return Rating("a", 1, scorer, "m", state, 2.0 if state == "scored" else None, reply, "stop")


def test_the_signs_of_a_pair_are_named_the_most_suspicious_first():
    rating = rated("calibrated", "suspicion=9.10 closing=-1.22 opening=+0.40 answering=-1.10 ending=-0.99")

    # 'answering' weighs twice; what lies above the seed's pairs or hardly below them is no fault.
    assert low_signs(rating) == [("answering", 1.1), ("closing", 1.22)]
    assert finding(rating) == (
        "Below the seed's own pairs, by so many times their spread: "
        "instruction and answer do not belong together (1.1); the answer stops before its end (1.2)."
    )


@pytest.mark.parametrize(
    ("rating", "words"),
    [
        (rated("calibrated", "suspicion=0.10 closing=+0.22"), "No sign lies clearly below the seed's own pairs."),
        (rated("calibrated", "the prompt is too long", "unparsed"), "the prompt is too long"),
        (rated("calibrated", "out of reach: length=412", "skipped"), "a cheaper scorer placed it low: length=412"),
        (rated("ensemble", "rating=0.500 length=0.310"),
         "Better than so many of all candidates: rating 50%, length 31%."),
        (rated("yes-no", "p=0.4213"), "Probability that the answer is good: 42%."),
        (rated("gain", "as-answer=-2.2131457328796387 alone=-3.0"),
         "Log-probabilities in nats: as-answer -2.21, alone -3.00."),
        (rated("expected-rating", "p=0.1000,0.2000,0.3000,0.4000,0.0000"),
         "probability of each grade: 1 10%, 2 20%, 3 30%, 4 40%, 5 0%"),
        (rated("rating", "It says closing=-1.22 itself.\nScore: 2"), "It says closing=-1.22 itself.\nScore: 2"),
    ],
)  # fmt: skip
def test_numbers_become_a_sentence_and_a_written_reply_stays(rating, words):
    assert finding(rating) == words
