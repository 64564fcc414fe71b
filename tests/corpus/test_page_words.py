"""What a page says of itself and of other pages goes, told by its words; the same words in a text stay."""

from __future__ import annotations

import pytest

from humpback.corpus.languages import mentions, openings
from humpback.corpus.parsing.page_words import asks, lists_others, without_page_words
from humpback.corpus.parsing.sections import Block, Header
from tests.corpus.samples import BREAD, TIDES

TEXT: list[Block] = [Header(1, "Loaves"), *BREAD, *TIDES]


@pytest.mark.parametrize(
    "label",
    [
        "Related articles",
        "**More from the baker**",
        "Read more",
        "Mehr zum Thema",
        "Das könnte dich auch interessieren",
        "Vous aimerez aussi",
        "Te puede interesar",
        "Potrebbe interessarti anche",
        "Leia também",
        "Lees ook",
        "Czytaj także",
        "Читайте также",
        "Läs också",
        "関連記事",
        "延伸阅读",
    ],
)
def test_titles_of_lists_of_other_pages_are_told_in_many_languages(label: str):
    assert lists_others(label)
    assert without_page_words([*TEXT, label]) == TEXT
    assert without_page_words([*TEXT, Header(2, label.strip("*")), Header(2, "Ovens"), BREAD[0]]) == [
        *TEXT,
        Header(2, "Ovens"),
        BREAD[0],
    ]


@pytest.mark.parametrize(
    "request_",
    [
        "Subscribe to our newsletter for more loaves.",
        "For the latest news on bread, follow us on Facebook.",
        "Abonnieren Sie unseren Newsletter.",
        "Abonnez-vous à notre lettre.",
        "Suscríbete a nuestro boletín.",
        "Seguici su Facebook.",
        "Alle Rechte vorbehalten.",
        "未经授权，不得转载。",
    ],
)
def test_what_asks_something_of_the_reader_goes_at_the_ends(request_: str):
    assert without_page_words([*TEXT, request_]) == TEXT
    assert without_page_words([TEXT[0], request_, *TEXT[1:]]) == TEXT


def test_between_paragraphs_only_a_short_line_that_opens_with_a_request_goes():
    middle = [*TEXT[:6], "Subscribe to our newsletter.", *TEXT[6:]]
    assert without_page_words(middle) == TEXT
    told = (
        "The baker wrote that whoever wants to may subscribe to our newsletter, and hundreds of people did so in May."
    )
    assert told in without_page_words([*TEXT[:6], told, *TEXT[6:]])
    long = "Please subscribe to the mailing list of the project. " * 8
    assert long in without_page_words([*TEXT, long])


@pytest.mark.parametrize(
    "line",
    [
        "Foto: Ada Hale",
        "*Photo by Ada Hale*",
        "Quelle: Müllerbund",
        "Crédits photos : Ada Hale",
        "A loaf on the rack. (Foto: Ada Hale)",
        "The bakery at dawn | Getty Images",
        "© 2024 The Mill",
        "撮影：山田",
    ],
)
def test_credits_go_wherever_they_stand(line: str):
    assert without_page_words([*TEXT[:6], line, *TEXT[6:]]) == TEXT


@pytest.mark.parametrize(
    "line",
    [
        "23.10.2018",
        "2019-11-20 17:27",
        "October 13, 2016",
        "19. Januar 2020, 10:00 Uhr",
        "22 de janeiro de 2018 às 0:13",
    ],
)
def test_a_line_with_a_date_alone_goes_at_the_ends_and_stays_within(line: str):
    assert without_page_words([TEXT[0], line, *TEXT[1:]]) == TEXT
    assert without_page_words([*TEXT, line]) == TEXT
    assert line in without_page_words([*TEXT[:6], line, *TEXT])
    assert without_page_words([*TEXT, f"- {line}"])[-1] == f"- {line}"


def test_a_rubric_in_front_of_the_title_goes_and_a_sentence_there_stays():
    assert without_page_words(["Food", "Baking", *TEXT]) == TEXT
    assert without_page_words(["Bread is old.", *TEXT]) == ["Bread is old.", *TEXT]
    assert without_page_words(["One", "Two", "Three", *TEXT]) == ["One", "Two", "Three", *TEXT]
    assert without_page_words(["Food", Header(2, "Dough"), BREAD[0]]) == ["Food", Header(2, "Dough"), BREAD[0]]


def test_a_last_section_that_asks_for_something_goes_whole():
    closing: list[Block] = [Header(2, "Subscribe to our newsletter"), "Every Monday, a loaf and a mill."]
    assert without_page_words([*TEXT, *closing]) == TEXT
    long: list[Block] = [closing[0], *["The mill turns all night, says the miller."] * 20]
    assert closing[0] in without_page_words([*TEXT, *long])


@pytest.mark.parametrize(
    "block",
    [
        "More on that day than ever, the river rose above the mill and carried the wheel away to the sea.",
        "- Read more\n- Write more",
        "```\nread more\n```",
        "| Photo: | Ada |",
        "Comments",
        "Photographs of bread sell it; sources differ on how well.",
    ],
)
def test_the_same_words_in_a_text_stay(block: str):
    assert block in without_page_words([*TEXT[:6], block, *TEXT[6:]])


def test_a_page_of_nothing_else_keeps_its_words():
    assert without_page_words(["Subscribe to our newsletter."]) == ["Subscribe to our newsletter."]


def test_a_line_that_asks_is_told_by_its_beginning():
    assert asks("» Follow us on Mastodon")
    assert not asks("Who will follow us on this path?")


def test_openings_and_mentions_look_in_the_languages_that_are_asked():
    assert openings(("de",), "related").match("mehr zum thema mühlen")
    assert not openings(("en",), "related").match("mehr zum thema mühlen")
    assert mentions(("de",), "pictures").search("das rad im eis (foto: ada hale)")
    assert not mentions(("zh",), "pictures").search("das rad im eis (foto: ada hale)")
