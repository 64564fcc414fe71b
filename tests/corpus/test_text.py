from __future__ import annotations

from humpback.corpus.parsing.text import parse_text, unwrap


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
