from __future__ import annotations

import pytest

from humpback.config import SegmentSettings
from humpback.corpus.cutting.piece import Piece
from humpback.corpus.judging.filters import objections
from tests.corpus.samples import BREAD, BREAD_TEXT, TIDES_TEXT

SETTINGS = SegmentSettings()


def reasons(text: str, settings: SegmentSettings = SETTINGS) -> list[str]:
    return [objection.reason for objection in objections(Piece(("Bread",), "Bread", text, headed=True), settings)]


def bullets(count: int, words: str) -> str:
    return "\n".join(f"- {words} {number}" for number in range(count))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (" ".join(f"{sentence} #bread #crust #rye" for sentence in BREAD), "many symbols"),
        (" ".join(f"{sentence[:40]}..." for sentence in BREAD * 3), "many symbols"),
        (BREAD_TEXT.upper(), "many capitals"),
        ("\n\n".join(f"{sentence[:-1]} ..." for sentence in BREAD[:3]) + f"\n\n{TIDES_TEXT}", "lines break off"),
        (bullets(40, "England against Wales"), "mostly bullet points"),
        (f"{BREAD_TEXT} And then ...", "stops short"),
        (f"{BREAD_TEXT}\n\n{{{{ team | photo }}}}\n\n{TIDES_TEXT}", "unfinished template"),
        (f"Lorem ipsum dolor sit amet. {BREAD_TEXT}", "unfinished template"),
    ],
)
def test_shapes_that_are_no_answer(text: str, why: str):
    assert why in reasons(text)


@pytest.mark.parametrize(
    "text",
    [
        "\n\n".join(f"## Step {number}\n\n{sentence}" for number, sentence in enumerate(BREAD)),
        "C# and F# run on .NET. " + BREAD_TEXT,
        "NASA and ESA agree. " + BREAD_TEXT,
        "\n".join(f"- {sentence}" for sentence in BREAD),
        "\n".join(f"{number}. Fold the dough once more, slowly." for number in range(1, 30)),
        f"{BREAD_TEXT}\n\nTake flour, water, salt (and time...)",
        f"{BREAD_TEXT}\n\n    StopIteration:",
    ],
)
def test_shapes_that_are_good_answers(text: str):
    assert not {"many symbols", "many capitals", "mostly bullet points", "stops short"} & set(reasons(text))


def test_capitals_and_letters_are_counted_in_every_script():
    piece = Piece((), "", "Ärger im ÖPNV. Хлеб и Вода. 面包", headed=False)
    assert piece.letters == sum(map(str.isalpha, piece.text))
    assert piece.capitals == sum(map(str.isupper, piece.text))


def test_every_limit_is_a_setting():
    shouted = BREAD_TEXT.upper()
    assert "many capitals" in reasons(shouted)
    assert "many capitals" not in reasons(shouted, SegmentSettings(max_capitals=1.0))
    assert "many capitals" not in reasons(shouted, SegmentSettings(skip=("many capitals",)))
    code = BREAD[0] + "\n\n```\n" + "step = bake(oven)\n" * 20 + "```"
    assert "mostly code or symbols" not in reasons(code)
    assert "mostly code or symbols" in reasons(code, SegmentSettings(min_prose=0.5))
