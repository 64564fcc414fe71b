from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from humpback.corpus.languages.phrases import phrases

BREAD = phrases("bread,loaf", r"\b(?:white|brown) bread\b", r"\bloaf of \w+ rye\b")


@given(
    st.lists(st.sampled_from(["bread", "brown bread", "a loaf", "loaf of dark rye", "x" * 90, " ", "."]), max_size=30)
)
def test_a_phrase_is_found_where_the_pattern_alone_finds_it(parts: list[str]):
    text = " ".join(parts)
    assert bool(BREAD.search(text)) == bool(BREAD.pattern.search(text))


def test_a_search_keeps_to_its_stretch():
    text = "brown bread and white bread"
    found = BREAD.search(text, 5)
    assert found is not None
    assert found.group() == "white bread"
    assert BREAD.search(text, 5, 20) is None
