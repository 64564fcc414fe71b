"""Each language of the files: its phrases are found, its sentences are cut at their ends, its lengths are its own."""

from __future__ import annotations

import pytest

from humpback.config import CorpusSettings, SegmentSettings
from humpback.corpus.cut import cut
from humpback.corpus.cutting.asides import without_asides
from humpback.corpus.cutting.boundaries import boundaries
from humpback.corpus.cutting.navigation import is_navigation, navigation_headers
from humpback.corpus.cutting.piece import Piece, length
from humpback.corpus.judging.filters import judge
from humpback.corpus.languages import SECTIONS, available, phrases_of, rule, sections, words_of
from tests.corpus.samples import document

PLAIN = {
    "de": "Der Müller hebt das Wehr am Abend, damit das Wasser in der Nacht ablaufen kann und das Rad nicht vereist. ",
    "fr": "Le meunier lève la vanne le soir pour que l'eau s'écoule la nuit et que la roue ne gèle pas avant l'aube. ",
    "es": "El molinero levanta la compuerta por la noche para que el agua corra y la rueda no se hiele. ",
    "zh": "磨坊主人每天晚上都会打开闸门，让河水在夜里流走，这样水轮在天亮之前就不会被冰冻住。",
    "ja": "粉屋の主人は夜になると水門を開けて、川の水を流し、夜明けまでに水車が凍らないように気をつけている。",
}
LEANING = [
    ("de", "Die Teile stehen in Tabelle 4."),
    ("de", "Siehe Abschnitt 3.2 zum Wehr."),
    ("de", "Wie bereits erwähnt, friert das Rad."),
    ("de", "Im nächsten Kapitel geht es um Brot."),
    ("fr", "Voir le chapitre 3 pour la vanne."),
    ("fr", "Le tableau 2.1 présente les pièces."),
    ("fr", "La roue est sur la photo ci-dessous."),
    ("es", "Véase la sección 4.2 sobre la rueda."),
    ("es", "La tabla 3 muestra las piezas."),
    ("es", "Como vimos anteriormente, la rueda se hiela."),
    ("zh", "零件请见第3章的说明。"),
    ("zh", "如上所述，水轮会结冰。"),
    ("zh", "点击这里查看水轮。"),
    ("ja", "部品については第3章を参照してください。"),
    ("ja", "前述の通り、水車は凍る。"),
    ("ja", "表2に示すように、水は冷たい。"),
]
OPENING = [
    ("de", "Außerdem friert das Rad."),
    ("fr", "Par conséquent, la roue gèle."),
    ("es", "Sin embargo, la rueda se hiela."),
    ("zh", "因此水轮会结冰。"),
    ("ja", "したがって水車は凍る。"),
]


def judged(language: str, text: str, header: str = "Mill") -> str:
    settings = SegmentSettings(languages=(language,), min_chars=1, min_language_probability=0, max_repetition=1)
    piece = Piece(("A",), header, text, headed=True, opens=False, closes=False)
    objection = judge(piece, settings.model_copy(update={"skip": ("wrong language", "repeats itself")}))
    return objection.reason if objection else ""


@pytest.mark.parametrize("language", available())
def test_every_file_can_be_read_and_each_of_its_phrases_is_found(language: str):
    assert set(sections(language)) == set(SECTIONS)
    assert phrases_of((language,), "headings")
    for section in SECTIONS:
        for phrase in phrases_of((language,), section):
            text = " ".join(token.split("|")[0] for token in phrase.split()).replace(" ,", ",").replace(" :", ":")
            text = text.replace("#", "3").replace("@", "b").replace("*", "mill")
            if words_of((language,), section) and any(character.isalpha() for character in phrase):
                assert rule((language,), section).search(text), phrase


@pytest.mark.parametrize(("language", "sentence"), LEANING)
def test_what_leans_on_its_page_is_seen_in_its_language_alone(language: str, sentence: str):
    text = PLAIN[language] * 8 + sentence + PLAIN[language] * 8
    assert judged(language, text) == "leans on its page"
    assert judged("en", text) == ""
    assert judged(language, PLAIN[language] * 16) == ""


@pytest.mark.parametrize(("language", "sentence"), OPENING)
def test_what_opens_in_the_middle_is_seen_in_its_language(language: str, sentence: str):
    assert judged(language, sentence + " " + PLAIN[language] * 8) == "opens in the middle"


@pytest.mark.parametrize(
    ("language", "header"),
    [("de", "Siehe auch"), ("fr", "Mentions légales"), ("es", "Véase también"), ("zh", "参考文献"), ("ja", "関連項目")],
)
def test_navigation_headers_of_each_language(language: str, header: str):
    assert is_navigation(header, navigation_headers(SegmentSettings(languages=(language,))))
    assert not is_navigation(header, navigation_headers(SegmentSettings()))


@pytest.mark.parametrize(
    ("language", "text", "left"),
    [
        ("de", "Das Wehr (siehe Abschnitt 4.2) hält.", "Das Wehr hält."),
        ("fr", "La vanne (voir la section 3.1) tient.", "La vanne tient."),
        ("es", "La rueda (véase la tabla 2) gira.", "La rueda gira."),
        ("zh", "水轮（见第3章）转动。", "水轮转动。"),
        ("ja", "水車（表3を参照）は回る。", "水車は回る。"),
    ],
)
def test_references_in_brackets_are_taken_out(language: str, text: str, left: str):
    assert without_asides(text, (language,)) == left


@pytest.mark.parametrize(
    ("language", "text", "ends"),
    [
        ("de", "Am 3. Mai kam der Müller bzw. Sein Sohn. Er ging. Es fror.", 2),
        ("fr", "Elle est chez M. Martin, cf. Annexe. Il part. Il gèle.", 2),
        ("es", "La Sra. Ruiz llega, pág. Dos. Luego sale. Hiela.", 2),
        ("zh", "他来了。他走了。天冷了！", 2),
        ("ja", "彼は来た。彼は行った。寒い！", 2),
    ],
)
def test_sentences_end_where_they_do_in_the_language(language: str, text: str, ends: int):
    assert sum(place.kind == "sentence" for place in boundaries(text, (language,))) == ends


def test_lengths_follow_the_script():
    assert length("Mühle und Rad", 3) == len("Mühle und Rad")
    assert length("水车 a", 3) == 3 * 2 + 2
    assert length("물레방아", 3) == 2 * 4
    assert length("水车", 1) == 2


@pytest.mark.parametrize(("count", "dense_chars", "kept"), [(7, 3, 1), (7, 1, 0), (60, 3, 4), (60, 1, 1)])
def test_a_chinese_text_of_a_third_of_the_characters_is_long_enough(count: int, dense_chars: int, kept: int):
    lines = [f"第{number}年冬天，{PLAIN['zh'][number % 5 :]}" for number in range(count)]
    segment = SegmentSettings(
        languages=("zh",), dense_chars=dense_chars, skip=("repeats itself", "opens in the middle")
    )
    outcome = cut([document("# 水车\n\n" + "\n\n".join(lines))], CorpusSettings(segment=segment))
    assert len(outcome.kept) == kept
    assert all(600 <= length(item.text, dense_chars) <= 3000 for item in outcome.kept)
