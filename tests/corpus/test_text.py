from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from humpback.corpus.parsing.text import parse_text, spans, unwrap
from tests.corpus.samples import BREAD, TIDES


def test_a_hard_wrapped_paragraph_becomes_one_line():
    lines = (
        "The moon pulls the near side of the ocean a little harder",
        "than the centre of the earth, which raises a bulge there.",
        "So it is.",
    )
    text = "\n".join(lines) + "\n\nA poem\nis short"
    assert list(parse_text(text).blocks) == [" ".join(lines), "A poem\nis short"]


def test_a_list_is_not_unwrapped():
    lines = "- Knead the dough for ten minutes, until it is smooth.\n- Cover the bowl with a damp cloth and leave it."
    assert unwrap(lines) == lines


def test_a_long_text_is_grouped_into_stretches_of_about_equal_length():
    text = "\n\n".join((*BREAD, *TIDES) * 3)
    found = spans(text, 1000)
    assert "\n\n".join(found) == text
    assert all(600 < len(span) <= 1000 for span in found[:-1])


@settings(deadline=None)
@given(st.lists(st.text("ab .", min_size=1, max_size=50).filter(str.strip), max_size=30), st.integers(20, 200))
def test_stretches_lose_nothing_and_break_only_between_paragraphs(paragraphs: list[str], longest: int):
    text = "\n\n".join(part.strip() for part in paragraphs)
    found = spans(text, longest)
    assert "\n\n".join(found).split() == text.split()
    assert all(len(part) <= longest or "\n\n" not in part for part in found)
