from __future__ import annotations

from dataclasses import replace

import pytest

from humpback.config import SegmentSettings
from humpback.corpus.cutting.piece import Piece
from humpback.corpus.judging.leaning import leans_on_page, opens_inside
from humpback.corpus.judging.missing import misses_something
from tests.corpus.samples import BREAD_TEXT, TIDES_TEXT

SETTINGS = SegmentSettings()


def first(text: str) -> Piece:
    """A piece that its document begins with, and ends with."""
    return Piece(("Bread",), "Bread", text, headed=True)


def later(text: str) -> Piece:
    """A piece from the middle of its document."""
    return Piece(("Bread", "Crust"), "Crust", text, headed=True, opens=False, closes=False)


@pytest.mark.parametrize(
    "opening",
    [
        "However, the crust stays soft.",
        "**However**, the crust stays soft.",
        "## Baking\n\nTherefore the crust stays soft.",
        "This also keeps the crust soft.",
        "As mentioned above, the crust stays soft.",
        "As we have already seen earlier, the crust stays soft.",
        "In addition, the crust stays soft.",
        "The above recipe is for one loaf.",
        "Instead of this, use rye.",
    ],
)
def test_no_text_begins_like_this_wherever_it_stood(opening: str):
    assert opens_inside(first(f"{opening} {BREAD_TEXT}"), SETTINGS)


@pytest.mark.parametrize(
    "opening",
    [
        "But the crust stays soft.",
        "So the crust stays soft.",
        "Now that the oven is hot, put it in.",
        "Another way is to steam it.",
        "He then covered the bowl.",
        "That is why bakers use stones.",
        "The next step is to shape it.",
        "The following morning we baked it.",
        "You can also use rye.",
        "Rye bread also needs time.",
        "Once we had the dough, we shaped it.",
        "Next, shape the loaf.",
        "We already talked about flour.",
        "Of course, rye is darker.",
        "In this case the crust stays soft.",
        "There is one other way to bake it.",
        "Once these loaves are shaped, bake them.",
    ],
)
def test_a_later_piece_does_not_stand_alone_where_it_goes_on_like_this(opening: str):
    assert opens_inside(later(f"{opening} {BREAD_TEXT}"), SETTINGS)
    assert opens_inside(first(f"{opening} {BREAD_TEXT}"), SETTINGS) is None


@pytest.mark.parametrize(
    "opening",
    [
        "This recipe yields two loaves.",
        "It is easy to bake bread.",
        "Nobody bakes bread as well as they do.",
        "Butter is not needed.",
        "So you want to bake bread.",
        "Thatcham is a town of bakers.",
        "Heaven is a warm loaf.",
        "Knead the dough, and then also the next one.",
        "Nextcloud bakes no bread.",
    ],
)
def test_ordinary_openings_pass_anywhere(opening: str):
    assert opens_inside(later(f"{opening} {BREAD_TEXT}"), SETTINGS) is None


@pytest.mark.parametrize(
    "sentence",
    [
        "The diagram below shows the oven.",
        "See the accompanying photos.",
        "The oven is hot (Fig. 3).",
        "As shown in the screenshot, it is brown.",
        "Here's a photo of the loaf.",
        "Click here for the recipe.",
        "The full list can be found here.",
        "For more, visit the following link.",
        "In the previous post we milled flour.",
        "This is part 2 of a series.",
        "Stay tuned for rye.",
        "Tell us in the comments below.",
        "This is the second article in a series about bread.",
        "Read on to learn of rye.",
        "The above is a loaf.",
        "See Chapter 8 for flours.",
        "See Section 4.1.2.",
        "Table 3.4 lists the flours.",
        "Listing 2 shows how the oven is set.",
        "Equation (7) gives the weight.",
        "The flours of Table 5 are white.",
        "Rye was covered earlier in this chapter.",
        "In this chapter, we have baked bread.",
        "Flour is discussed in Section 3.4.",
        "Appendix B contains all recipes.",
    ],
)
def test_what_the_page_showed_is_not_in_the_piece(sentence: str):
    assert leans_on_page(first(f"{BREAD_TEXT} {sentence} {TIDES_TEXT}"), SETTINGS)


@pytest.mark.parametrize(
    "sentence",
    [
        "A diagram helps to plan the kitchen.",
        "The link between flour and crust is water.",
        "Bakers work here in the morning.",
        "The last loaf is the best part of the day.",
        "Click the button to start the oven.",
        "Part of the dough is kept for the next day.",
        "See Section 5 of the Bread Act.",
        "The court (under Section 12) weighed the bread.",
        "Before you bake, see the big picture.",
        "It is time to see the whole picture of bread.",
        "The last chapter of his life was spent in a bakery.",
        "There is more here than flour.",
        "Scroll down to Bread and tap it.",
        "Bakers keep reading for pleasure.",
        "A bakery went through Chapter 11 bankruptcy.",
        "They sat at table 4 and ate.",
        "The last lesson I learned is to wait.",
        "Details are [here](https://example.org/bread).",
    ],
)
def test_the_same_words_in_another_sense_pass(sentence: str):
    assert leans_on_page(first(f"{BREAD_TEXT} {sentence} {TIDES_TEXT}"), SETTINGS) is None


@pytest.mark.parametrize(
    "text",
    [
        "| Flour | Grams |\n|---|---|\n| Rye | 5 |\n\nTable 3 lists the flours.",
        "**Table 3.** Flours\n\nRye, wheat and oats.\n\nTable 3 lists the flours.",
        "```\nbake()\n```\n\nListing 2 shows how to bake.",
        "### Section 4: Rye\n\nRye is dark.\n\nSee Section 4 for rye.",
    ],
)
def test_a_table_or_a_part_that_is_in_the_piece_may_be_spoken_of(text: str):
    assert leans_on_page(first(f"{text} {BREAD_TEXT}"), SETTINGS) is None


@pytest.mark.parametrize(
    ("sentence", "missing"),
    [
        ("The oven is ready. shows its parts in a row.", "shows its"),
        ("As shown in, the crust is brown.", "As shown in,"),
        ("A good loaf comes from , as all say.", "comes from ,"),
        ("As you see in [], it is brown.", "in []"),
        ("Use `bake` in `main`, then stop.", ""),
        ("The command, e.g. shows the time.", ""),
        ("Bake it in, say, an hour.", ""),
    ],
)
def test_a_sentence_that_lost_its_subject_or_its_link_misses_something(sentence: str, missing: str):
    objection = misses_something(first(f"{BREAD_TEXT} {sentence}"), SETTINGS) or ""
    assert missing in objection
    assert bool(objection) is bool(missing)


def test_what_points_back_leans_only_where_the_text_it_means_cannot_be_in_the_piece():
    sentence = "The steps above are for one loaf."
    assert leans_on_page(later(f"{sentence} {BREAD_TEXT}"), SETTINGS)
    assert leans_on_page(first(f"{sentence} {BREAD_TEXT}"), SETTINGS) is None
    assert leans_on_page(later(f"{BREAD_TEXT} {sentence}"), SETTINGS) is None
    assert leans_on_page(later(f"```\nbake()\n```\n\nThe code above bakes. {BREAD_TEXT}"), SETTINGS) is None


def test_what_is_said_of_a_later_part_leans_unless_the_document_ends_with_the_piece():
    text = f"{BREAD_TEXT} We will come back to this later. {TIDES_TEXT}"
    assert leans_on_page(later(text), SETTINGS)
    assert leans_on_page(first(text), SETTINGS) is None


def test_a_list_that_begins_with_its_second_item_opens_in_the_middle():
    assert opens_inside(later(f"2. Shape the loaf.\n3. Bake it.\n\n{BREAD_TEXT}"), SETTINGS)
    assert opens_inside(later(f"1. Shape the loaf.\n2. Bake it.\n\n{BREAD_TEXT}"), SETTINGS) is None


def test_a_part_that_begins_with_an_item_in_the_middle_of_a_list_opens_in_the_middle():
    piece = later(f"- Shape the loaf.\n- Bake it.\n\n{BREAD_TEXT}")
    assert opens_inside(piece, SETTINGS) is None
    assert opens_inside(replace(piece, part=2, begins_at="list item"), SETTINGS)


@pytest.mark.parametrize(
    "ending",
    ["In this post, we will cover rye.", "This guide explains all steps.", "Here are my notes on crust."],
)
def test_an_introduction_of_which_the_rest_stands_elsewhere_is_no_answer(ending: str):
    assert leans_on_page(later(f"{BREAD_TEXT} {ending}"), SETTINGS)
    assert leans_on_page(first(f"{BREAD_TEXT} {ending}"), SETTINGS) is None
    assert leans_on_page(later(f"{ending} {BREAD_TEXT}"), SETTINGS) is None


def test_a_listing_above_may_be_spoken_of():
    assert leans_on_page(first(f"- flour\n- water\n\nThe above is all you need. {BREAD_TEXT}"), SETTINGS) is None


def test_a_header_may_say_that_it_goes_on():
    goes_on = Piece(("Bread", "Crust (continued)"), "Crust (continued)", BREAD_TEXT, headed=True, opens=False)
    assert opens_inside(goes_on, SETTINGS)


def test_what_points_on_leans_only_at_the_very_end():
    assert leans_on_page(first(f"{BREAD_TEXT} The steps are listed below."), SETTINGS)
    assert leans_on_page(first(f"The steps are listed below. {BREAD_TEXT}"), SETTINGS) is None
    assert leans_on_page(first(f"{BREAD_TEXT} The code below bakes.\n\n```\nbake()\n```"), SETTINGS) is None


@pytest.mark.parametrize(
    ("following", "missing"),
    [
        ("The crust is brown.", True),
        ("## Rye", True),
        ("```\nbake()\n```", False),
        ("- brown\n- hollow", False),
        ("| crust | brown |", False),
        ("> A brown loaf.", False),
        ("    indented = code", False),
        ("brown and hollow", False),
        ("## Example", False),
    ],
)
def test_a_listing_that_is_announced_must_follow(following: str, missing: bool):
    text = f"{BREAD_TEXT}\n\nThe loaf looks like this:\n\n{following}\n\n{TIDES_TEXT}"
    assert bool(misses_something(first(text), SETTINGS)) is missing


def test_code_that_reads_like_an_announcement_is_none():
    assert misses_something(first(f"{BREAD_TEXT}\n\n```yaml\nimage:\nName it.\n```\n\n{TIDES_TEXT}"), SETTINGS) is None


@pytest.mark.parametrize(
    ("sentence", "missing"),
    [
        ("The list begins with ``, and each item is an `` tag.", True),
        ("The law [formula] holds for all loaves.", True),
        ("A mark of code is written as `` ` `` in a line.", False),
        ("Two marks, ``like these``, are code too.", False),
    ],
)
def test_a_sentence_without_its_code_or_its_formula_misses_something(sentence: str, missing: bool):
    assert bool(misses_something(first(f"{BREAD_TEXT} {sentence}"), SETTINGS)) is missing


@pytest.mark.parametrize(
    ("opening", "inside"),
    [
        ("It needs a warm place and a damp cloth.", True),
        ("“It is the yeast,” Baker said, and turned to the oven.", True),
        ("  **Salt**\n  - A pinch of it is enough.", True),
        ("It is the yeast that makes a loaf rise.", False),
        ("“It is the yeast,” say the bakers of the north.", False),
    ],
)
def test_a_part_of_a_text_does_not_begin_with_what_was_named_before(opening: str, inside: bool):
    part = replace(later(f"{opening} {BREAD_TEXT}"), part=2, parts=3)
    assert bool(opens_inside(part, SETTINGS)) is inside
    assert opens_inside(replace(part, part=1), SETTINGS) is None
