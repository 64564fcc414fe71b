import unicodedata
from itertools import chain
from typing import TypeVar

from hypothesis import given
from hypothesis import strategies as st

from humpback.text.shingles import words

TEXTS = st.lists(st.text(st.sampled_from("aB9é’_-# \n*`漢字かなไทยक्षि😀İß\u0301"), max_size=40), max_size=5)

T = TypeVar("T")


def plain_words(text: str) -> list[str]:
    """The definition, a character at a time."""
    found, last = [], " "
    for character in text:
        inside = character.isalnum() or unicodedata.category(character).startswith("M")
        alone = inside and any(name in unicodedata.name(character, "") for name in ("CJK", "HIRAGANA", "THAI"))
        if inside and (last == " " or alone):
            found.append("")
        if inside:
            found[-1] += character.lower()[0]
        last = character if inside and not alone else " "
    return found


def as_lists(texts: list[str], n: int = 1) -> list[list[int]]:
    said = words(texts).ngrams(n) if n > 1 else words(texts)
    return [said.of(at).tolist() for at in range(len(texts))]


def flat(lists: list[list[T]]) -> list[T]:
    return list(chain.from_iterable(lists))


def counted(texts: list[str]) -> list[int]:
    return [len(said) for said in as_lists(texts)]


def test_marks_and_case_do_not_make_another_word() -> None:
    plain, marked = as_lists(["so run the tests now", "So *run* the `tests`, __now__!"])
    assert plain == marked


def test_a_word_of_another_order_of_letters_is_another_word() -> None:
    (said,) = as_lists(["stop post spot tops pots opts a aa aaa"])
    assert len(set(said)) == 9


def test_words_are_parted_by_what_is_no_letter_in_any_script() -> None:
    assert counted(["it’s 3.5 kg", "naïve café", "क्षत्रिय राजा", "", "—…!"]) == [5, 2, 2, 0, 0]


def test_scripts_without_spaces_give_a_word_for_each_character() -> None:
    assert counted(["你好，世界", "ok你好ok", "こんにちは", "𠀀𠀁 x"]) == [4, 4, 5, 3]


def test_ideographs_beyond_the_table_are_told_apart() -> None:
    (said,) = as_lists(["𠀀𠀁𠀂"])
    assert len(set(said)) == 3


def test_a_lone_surrogate_and_nul_do_no_harm() -> None:
    assert counted(["a\ud800b", "a\x00b"]) == [2, 2]


def test_very_long_words_are_told_apart() -> None:
    (said,) = as_lists([" ".join("x" * length for length in (63, 64, 65, 200, 5000))])
    assert len(set(said)) == 5


@given(TEXTS)
def test_words_are_those_of_the_definition_and_alike_exactly_where_they_are_the_same(texts: list[str]) -> None:
    wanted = [plain_words(text) for text in texts]
    found = as_lists(texts)
    assert [len(said) for said in found] == [len(said) for said in wanted]
    pairs = set(zip(flat(found), flat(wanted), strict=True))
    assert len(pairs) == len(set(flat(found))) == len(set(flat(wanted)))


@given(TEXTS, st.integers(2, 4))
def test_ngrams_are_runs_of_words_inside_one_text(texts: list[str], n: int) -> None:
    said, grams = as_lists(texts), as_lists(texts, n)
    runs = [[tuple(one[at : at + n]) for at in range(len(one) - n + 1)] for one in said]
    assert [len(one) for one in grams] == [len(one) for one in runs]
    pairs = set(zip(flat(grams), flat(runs), strict=True))
    assert len(pairs) == len(set(flat(grams))) == len(set(flat(runs)))


@given(TEXTS)
def test_a_text_has_the_same_hashes_alone_and_among_others(texts: list[str]) -> None:
    assert as_lists(texts, 2) == [as_lists([text], 2)[0] for text in texts]


def test_hashes_are_the_same_on_every_machine() -> None:
    (said,) = as_lists(["The 漢"])
    assert said == [5903895475887010385, 17290084569590681054]
