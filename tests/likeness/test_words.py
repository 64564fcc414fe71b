"""Words that speak for the answers."""

import numpy as np

from humpback.likeness.direction import held_back_scores
from humpback.likeness.words import fit_word_odds, fit_word_scores, word_buckets, word_scores

ANSWERS = [f"A whale is a large animal that lives in the sea, number {n}. It sings." for n in range(30)]
PASSAGES = [f"pip install package-{n} and then run the server with the flag --port {n}." for n in range(200)]


def test_case_and_marks_do_not_count():
    first, second = word_buckets(["The WHALE, sings!", "the whale sings"])
    assert first.tolist() == second.tolist()
    assert len(first) == 3


def test_texts_like_the_answers_score_higher_whatever_their_length():
    odds = fit_word_odds(word_buckets(ANSWERS), word_buckets(PASSAGES))
    like, longer, unlike, nothing, unknown = word_scores(
        word_buckets(["A whale sings.", "A whale sings. " * 50, "Install the server", "", "Quetzal xyzzy"]), odds
    )

    assert like > 0.5 > unlike
    assert np.isclose(like, longer)
    assert nothing == 0
    assert unknown == 0, "words of neither side speak for neither, however much smaller one side is"


def test_words_find_held_back_answers():
    assert held_back_scores(word_buckets(ANSWERS), word_buckets(PASSAGES), fit_word_scores).auroc > 0.99


def test_many_texts_are_hashed_as_few_are():
    texts = [*ANSWERS, *PASSAGES] * 6
    assert len(texts) > 1024
    together = word_buckets(texts)
    assert all(np.array_equal(together[at], word_buckets([texts[at]])[0]) for at in (0, 1023, 1024, len(texts) - 1))
