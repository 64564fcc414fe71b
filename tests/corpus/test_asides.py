"""What leads nowhere is taken out of a text, and nothing else is."""

from __future__ import annotations

import pytest

from humpback.corpus.cutting.asides import without_asides


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("The oven (see Section 4.1.3) is hot.", "The oven is hot."),
        ("The oven is hot. (See Appendix C.) It cools.", "The oven is hot. It cools."),
        ("Rye (Table 4) and oats (cf. Tables 5 and 6) rise.", "Rye and oats rise."),
        ("Rye (see Chapter 3, Flours of the north) rises (Section 2.4).", "Rye rises."),
        ("The door (see the figure below) shuts (Fig. 3a).", "The door shuts."),
        ("The Baker (), published in 1912, was read.", "The Baker, published in 1912, was read."),
        ("Bake it.[](https://example.org/a) Eat it.", "Bake it. Eat it."),
        ('Bake it.\n\n[gallery ids="1,2"]\n\nEat it.', "Bake it.\n\nEat it."),
        ("Bake it.\n\n{{< figure src=a.png >}}\n\n<hr />\n\nEat it.", "Bake it.\n\nEat it."),
    ],
)
def test_a_bracket_that_sends_the_reader_elsewhere_is_taken_out(text: str, left: str):
    assert without_asides(text, ("en",)) == left


@pytest.mark.parametrize(
    "text",
    [
        "Bail is set by the court (see Section 12).",
        "Bread must be weighed (see Section 5 of the Bread Act).",
        "The firm is bankrupt (Chapter 11).",
        "Bring a (passport) photo (at least two).",
        "Call `bake()` (or bake ()) first.",
        "```\nbake (see Section 4.1)\n```",
        "```\n<hr />\n```",
        "- [ ] Buy flour\n- [x] Buy salt",
        "Temperatures (in Table Bay) are low.",
    ],
)
def test_other_brackets_laws_and_code_stay(text: str):
    assert without_asides(text, ("en",)) == text
