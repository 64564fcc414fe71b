"""Root verbs and their objects: what is counted, and what is not forced into the form."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from humpback.errors import ConfigError
from humpback.evaluation.verbs import count_requests, requests_of, verb_and_object


@dataclass(frozen=True)
class Word:
    """A parsed word."""

    lemma_: str
    pos_: str
    dep_: str = "ROOT"
    children: tuple[Word, ...] = ()


STORY = Word("Story", "NOUN", "dobj")


def test_the_object_of_the_root_verb_is_found_in_lower_case() -> None:
    write = Word("Write", "VERB", children=(Word("please", "INTJ", "intj"), STORY))
    assert verb_and_object([write]) == ("write", "story")


def test_a_later_sentence_counts_where_the_first_one_asks_nothing() -> None:
    greeting = Word("hello", "INTJ")
    give = Word("give", "VERB", children=(Word("I", "PRON", "dative"), Word("example", "NOUN", "obj")))
    assert verb_and_object([greeting, give]) == ("give", "example")


def test_a_question_a_subject_and_a_pronoun_are_no_structure() -> None:
    question = Word("be", "AUX", children=(Word("capital", "NOUN", "nsubj"),))
    told = Word("sleep", "VERB", children=(Word("cat", "NOUN", "nsubj"),))
    it = Word("explain", "VERB", children=(Word("it", "PRON", "dobj"),))
    assert [verb_and_object([root]) for root in (question, told, it)] == [None, None, None]


def test_pairs_are_counted_by_verb_and_ties_stand_in_order() -> None:
    found = [("write", "story"), ("write", "poem"), ("write", "story"), ("list", "idea"), ("give", "tip"), None]
    counted = count_requests(found, verbs=2)
    assert (counted.texts, counted.structured, counted.verbs, counted.pairs) == (6, 5, 3, 4)
    assert counted.entropy == pytest.approx(1.9219, abs=1e-4)  # of 2/5, 1/5, 1/5, 1/5
    assert counted.top == (("write", 3, (("story", 2), ("poem", 1))), ("give", 1, (("tip", 1),)))


def test_nothing_with_a_structure_is_no_error() -> None:
    counted = count_requests([None, None])
    assert (counted.texts, counted.structured, counted.entropy, counted.top) == (2, 0, 0.0, ())


def test_what_is_not_installed_is_said_in_one_line() -> None:
    with pytest.raises(ConfigError, match=r"spaCy is not installed|no spaCy pipeline 'xx_nowhere'"):
        requests_of(["Write a story."], "xx_nowhere")
