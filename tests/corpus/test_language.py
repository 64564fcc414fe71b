from __future__ import annotations

import pytest

from humpback.config import SegmentSettings
from humpback.corpus.cutting.piece import Piece
from humpback.corpus.judging.filters import wrong_language
from humpback.corpus.judging.language import identify
from tests.corpus.samples import BREAD_TEXT, TIDES_TEXT

PAGES = {
    "de": "Der Teig wird zehn Minuten geknetet, bis er glatt ist. Dann deckt man die Schüssel mit einem Tuch zu.",
    "fr": "On pétrit la pâte pendant dix minutes, puis on couvre le saladier avec un linge et on la laisse lever.",
    "es": "Se amasa la masa durante diez minutos y luego se cubre el cuenco con un paño para dejarla reposar.",
    "nl": "Het deeg wordt tien minuten gekneed tot het glad is, en dan dekt men de kom af met een vochtige doek.",
    "ru": "Тесто месят десять минут, пока оно не станет гладким, а потом накрывают миску влажной тканью.",
    "ja": "生地を十分ほどこねて、なめらかになったら、ぬれた布をかけて暖かい場所で休ませます。",
}


@pytest.mark.parametrize(("language", "text"), [("en", BREAD_TEXT), ("en", TIDES_TEXT), *PAGES.items()])
def test_languages_are_told_apart(language: str, text: str):
    assert identify(text)[0] == language
    assert identify(text)[1] > 0.65


@pytest.mark.parametrize("text", ["", " \n", "\ud800", "1234 5678", "x"])
def test_a_text_without_words_is_in_no_language_for_sure(text: str):
    assert identify(text)[1] < 0.2


def test_code_and_addresses_do_not_count():
    code = "```\n" + "für_alle = wenn(nicht, dann)\n" * 30 + "```"
    text = f"{BREAD_TEXT}\n\n{code}\n\n[a](https://example.de/der-die-das-und-oder-aber-weil-wenn)"
    assert wrong_language(Piece(("Bread",), "Bread", text, headed=True), SegmentSettings()) is None


def test_a_doubtful_language_is_as_good_as_a_wrong_one_from_a_probability_that_is_set():
    piece = Piece(("Bread",), "Bread", "Pizza radio taxi hotel", headed=True)
    language, probability = identify(piece.text)
    assert probability < 0.99
    doubtful = SegmentSettings(languages=(language,), min_language_probability=0.99)
    assert wrong_language(piece, doubtful)
    assert wrong_language(piece, SegmentSettings(languages=(language,), min_language_probability=0.0)) is None
