"""A piece of an example that goes on over several sections does not stand by itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from humpback.config import CorpusSettings, SegmentSettings
from humpback.corpus.cut import cut
from humpback.corpus.cutting.borrowed import borrowed
from humpback.corpus.cutting.piece import Piece
from humpback.corpus.judging.leaning import leans_on_page, opens_inside
from humpback.corpus.judging.missing import misses_something
from humpback.corpus.judging.shape import stops_short
from tests.corpus.samples import BREAD_TEXT, TIDES_TEXT, document

SETTINGS = SegmentSettings()


def code(*lines: str) -> str:
    return "\n".join(("```", *lines, "```"))


def later(text: str, **fields: object) -> Piece:
    return replace(Piece(("Mill", "Wheel"), "Wheel", text, headed=True, opens=False, closes=False), **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("defined", "used", "names"),
    [
        ("def open_weir(level):", "open_weir(3)", ("open_weir",)),
        ("class Wheel:", "wheel = Wheel()", ("Wheel",)),
        ("export function turnWheel(speed) {", "turnWheel(3);", ("turnWheel",)),
        ("func Grind(grain string) {", 'Grind("rye")', ("Grind",)),
        ("CREATE TABLE loaves (id int);", "SELECT id FROM loaves;", ("loaves",)),
        ("mill_race = Race(7)", "mill_race.fill()", ("mill_race",)),
        ("const mill_race = 7;", "fill(mill_race);", ("mill_race",)),
        ("race = Race(7)", "race.fill()", ()),
        ("open(\n    mill_race=7,\n)", "mill_race.fill()", ()),
        ("if mill_race == 7:", "mill_race.fill()", ()),
        ("def open_weir(level):", "open_weir_later(3)", ()),
    ],
)
def test_code_borrows_what_only_earlier_code_defines(defined: str, used: str, names: tuple[str, ...]):
    assert borrowed([code(defined), code(used)]) == [(), names]
    assert borrowed([code(used), code(defined)]) == [(), ()]
    assert borrowed([code(defined), code(defined, used)]) == [(), ()]
    assert borrowed([code(defined), used]) == [(), ()]
    assert borrowed([defined, code(used)]) == [(), ()]


def test_code_that_is_never_closed_is_read_once():
    assert borrowed(["```\ndef open_weir():\n" + "~~~\n" * 10_000, code("open_weir()")])[1] == ("open_weir",)


def test_a_section_that_calls_what_another_defines_is_dropped_and_one_that_defines_it_is_kept():
    first = f"## Weir\n\n{BREAD_TEXT}\n\n{code('def open_weir(level):', '    return level + 1')}"
    second = f"## Wheel\n\n{TIDES_TEXT}\n\n{code('print(open_weir(3))')}"
    settings = CorpusSettings(segment=SegmentSettings(min_chars=200, max_chars=1000))
    outcome = cut([document(f"# Mill\n\n{first}\n\n{second}")], settings)
    assert [segment.title_path[-1] for segment in outcome.kept] == ["Weir"]
    assert [(item.reason, "open_weir" in item.detail) for item in outcome.dropped] == [("leans on its page", True)]


@pytest.mark.parametrize("noun", ["example", "configuration", "script", "query", "output"])
def test_code_above_that_is_not_in_the_piece_is_missed_wherever_it_is_spoken_of(noun: str):
    for phrase in (f"the above {noun}", f"the {noun} above", f"the first {noun} above"):
        text = f"{BREAD_TEXT} {TIDES_TEXT}\n\n- flour\n\nRead {phrase} again, for it says how. {BREAD_TEXT}"
        assert leans_on_page(later(text), SETTINGS)
        assert not leans_on_page(later(text.replace("- flour", code("bake()"))), SETTINGS)
        assert not leans_on_page(replace(later(text), opens=True), SETTINGS)


def test_a_list_above_is_one_of_the_piece_where_there_is_one():
    text = f"{BREAD_TEXT} {TIDES_TEXT}\n\n- flour\n- salt\n\nUse the list above. {BREAD_TEXT}"
    assert not leans_on_page(later(text), SETTINGS)
    assert leans_on_page(later(text.replace("- flour\n- salt\n\n", "")), SETTINGS)


@pytest.mark.parametrize(
    "sentence",
    [
        "The next few paragraphs explain how the wheel turns.",
        "Bread is baked as we will see later.",
        "Clicking on this button opens the weir.",
        "The function that you'll write next opens the weir.",
    ],
)
def test_what_is_said_of_another_part_leans(sentence: str):
    assert leans_on_page(later(f"{BREAD_TEXT} {sentence} {TIDES_TEXT}"), SETTINGS)


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("**Colour of the crust**\n\n- It is brown.", True),
        ("**`crust()`**\n\n- It is brown.", False),
        ("**--crust=COLOUR**\n\n- It is brown.", False),
        ("**Crust** is brown.", False),
    ],
)
def test_a_part_does_not_begin_with_a_later_term_of_a_list_of_plain_words(text: str, inside: bool):
    piece = later(f"{text}\n\n{BREAD_TEXT}")
    assert bool(opens_inside(replace(piece, part=2, parts=3, begins_at="paragraph"), SETTINGS)) == inside
    assert not opens_inside(piece, SETTINGS)
    assert not opens_inside(replace(piece, part=2, parts=3, begins_at="paragraph", header="Glossary"), SETTINGS)


@pytest.mark.parametrize(
    ("following", "missing"),
    [
        ("The mill is built in the same way.", True),
        ("```\nmill()\n```", False),
        ("- a mill", False),
        ("/etc/mill/wheel:", False),
    ],
)
def test_an_example_that_is_announced_must_follow(following: str, missing: bool):
    piece = later(f"{BREAD_TEXT}\n\nHere's an example:\n\n{following}\n\n```\nmill()\n```\n\n{TIDES_TEXT}")
    assert bool(misses_something(piece, SETTINGS)) == missing


@pytest.mark.parametrize(
    ("ending", "short"),
    [
        ("The following subcommands are available.", True),
        ("Of the mills the following is used.", False),
        ("The following year was dry.", False),
    ],
)
def test_a_list_that_is_announced_at_the_end_is_missed(ending: str, short: bool):
    assert bool(stops_short(later(f"{BREAD_TEXT}\n\n{ending}"), SETTINGS)) == short
