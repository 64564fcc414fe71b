from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from humpback.corpus import languages
from humpback.corpus.languages.phrases import phrases

BREAD = phrases("bread,loaf", r"\b(?:white|brown) bread\b", r"\bloaf of \w+ rye\b")


@given(
    st.lists(st.sampled_from(["bread", "brown bread", "a loaf", "loaf of dark rye", "x" * 90, " ", "."]), max_size=30)
)
def test_a_phrase_is_found_where_the_pattern_alone_finds_it(parts: list[str]):
    text = " ".join(parts)
    assert bool(BREAD.search(text)) == bool(BREAD.patterns["bread"].search(text))


@pytest.mark.parametrize("section", ["elsewhere", "above", "below", "exercises", "comments", "adverts"])
def test_around_a_word_a_rule_tries_the_phrases_that_have_it_and_misses_none(section: str):
    rule = languages.rule((), section)
    whole = re.compile(languages.pattern_of((), section))
    examples = str.maketrans({"#": "3", "@": "b", "*": "word"})
    for phrase in languages.phrases_of((), section):
        written = " ".join(token.split("|")[-1] for token in phrase.split())
        text = re.sub(" (?=[,:])", "", f". {written.translate(examples)} .")
        assert whole.search(text), phrase
        assert rule.search(text), phrase


def test_a_search_keeps_to_its_stretch():
    text = "brown bread and white bread"
    found = BREAD.search(text, 5)
    assert found is not None
    assert found.group() == "white bread"
    assert BREAD.search(text, 5, 20) is None
