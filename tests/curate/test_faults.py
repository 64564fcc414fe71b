from difflib import SequenceMatcher

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from humpback.curate.faults import COMMON, FAULTS, UNSEEN, plant, sentences
from humpback.curate.furniture import BEFORE, BEHIND, FOREIGN, REFUSALS
from humpback.errors import ConfigError
from humpback.records import Pair, content_id

ANSWERS = {
    "Why do whales sing?": (
        "Humpback whales sing to find one another over whole oceans. Only the males do it. Their songs last up to "
        "twenty minutes, and each population has its own.\n\nOver the years a song changes. In 1996 whales from the "
        "west brought a new one to the east coast of Australia, where it replaced the old one within two seasons."
    ),
    "How do I bake bread?": (
        "Mix flour, water, salt and yeast. Let the dough rest for an hour at room temperature. Shape it into a loaf.\n"
        "Then bake it at 230 degrees until the crust is brown. Let it cool before you cut it."
    ),
    "What is a hash table?": (
        "A hash table keeps values under keys. A function turns each key into a place in a list. Two keys may get the "
        "same place, so each place keeps a short list. Looking something up takes the same time however much is there."
    ),
    "Name three colours.": (
        "1. Red, which is the colour of ripe tomatoes\n2. Green, which is the colour of fresh grass\n"
        "3. Blue, which is the colour of a clear sky"
    ),
}
PAIRS = tuple(Pair(content_id(x, y), x, y, "seed", "here") for x, y in ANSWERS.items())
SHORT = Pair("s", "How many legs has a spider?", "Eight.", "seed", "here")


def twins(kind, pairs=PAIRS, seed=0):
    return [twin for twin in plant(kind, pairs, seed) if twin]


@pytest.mark.parametrize("kind", FAULTS)
def test_each_fault_changes_a_pair_and_gives_it_an_identity_of_its_own(kind):
    for pair, twin in zip(PAIRS, plant(kind, PAIRS, 0), strict=True):
        assert twin is not None
        assert (twin.instruction, twin.response) != (pair.instruction, pair.response)
        assert twin.id == content_id(twin.instruction, twin.response) != pair.id
        assert twin.response.strip()
        assert (twin.origin, twin.source) == (pair.origin, pair.source)


@pytest.mark.parametrize("kind", FAULTS)
def test_a_twin_does_not_depend_on_the_order_of_the_pairs(kind):
    assert plant(kind, PAIRS, 3) == tuple(reversed(plant(kind, PAIRS[::-1], 3)))


@pytest.mark.parametrize("kind", FAULTS)
def test_other_seeds_make_other_twins(kind):
    assert len({plant(kind, PAIRS, seed) for seed in range(8)}) > 1


@pytest.mark.parametrize(
    "kind", ["tail-cut", "tail-missing", "head-cut", "shuffled", "repeated", "words-dropped", "spliced"]
)
def test_a_response_that_is_too_short_for_a_fault_has_none(kind):
    assert plant(kind, (SHORT, *PAIRS), 0)[0] is None


@pytest.mark.parametrize("kind", FAULTS)
def test_a_pair_alone_has_no_other_to_borrow_from(kind):
    assert plant(kind, PAIRS[:1], 0) == (None,)


def test_an_unknown_fault_is_one_clear_line():
    with pytest.raises(ConfigError, match=r"there is no fault 'rot': take one of swapped, tail-cut,"):
        plant("rot", PAIRS, 0)


def test_the_kinds_that_nothing_learns_from_are_other_kinds():
    assert not COMMON.keys() & UNSEEN.keys()
    assert set(FAULTS) == COMMON.keys() | UNSEEN.keys()


def test_a_swapped_instruction_is_that_of_another_pair():
    for pair, twin in zip(PAIRS, plant("swapped", PAIRS, 0), strict=True):
        assert twin.response == pair.response
        assert twin.instruction in ANSWERS.keys() - {pair.instruction}


def test_a_swapped_instruction_is_about_as_long():
    pairs = [Pair(f"{n:03}", "Why? " * n, f"Since {n}.", "seed", "") for n in range(1, 200)]
    longer = [
        abs(len(t.instruction) - len(p.instruction)) for p, t in zip(pairs, plant("swapped", pairs, 0), strict=True)
    ]

    assert max(longer) <= 8 * len("Why? ")


@pytest.mark.parametrize("seed", range(20))
def test_a_cut_tail_ends_in_mid_sentence(seed):
    for pair, twin in zip(PAIRS, plant("tail-cut", PAIRS, seed), strict=True):
        assert pair.response.startswith(twin.response)
        rest = pair.response[len(twin.response) :]
        assert twin.response[-1] not in ".!?:;"
        assert rest[0] == " "
        assert rest[1].isalnum()
        assert 0.4 <= len(twin.response) / len(pair.response) <= 0.8


@pytest.mark.parametrize("seed", range(20))
def test_a_cut_head_begins_in_mid_sentence(seed):
    for pair, twin in zip(PAIRS, plant("head-cut", PAIRS, seed), strict=True):
        assert pair.response.endswith(twin.response)
        before = pair.response[: -len(twin.response)]
        assert before[-1] == " "
        assert before[-2] not in ".!?:;\n"
        assert 0.38 <= len(twin.response) / len(pair.response) <= 0.81


def test_a_missing_tail_leaves_whole_sentences():
    for pair, twin in zip(PAIRS, plant("tail-missing", PAIRS, 0), strict=True):
        assert pair.response.startswith(twin.response)
        assert set(sentences(twin.response)[0]) < set(sentences(pair.response)[0])


@pytest.mark.parametrize("seed", range(20))
def test_shuffling_loses_nothing_and_begins_elsewhere(seed):
    for pair, twin in zip(PAIRS, plant("shuffled", PAIRS, seed), strict=True):
        assert sorted(twin.response.split()) == sorted(pair.response.split())
        assert sentences(twin.response)[0][0] != sentences(pair.response)[0][0]


def test_repeated_sentences_take_the_place_of_others():
    for pair, twin in zip(PAIRS, plant("repeated", PAIRS, 0), strict=True):
        before, after = sentences(pair.response)[0], sentences(twin.response)[0]
        assert len(after) == len(before)
        assert len(set(after)) < len(set(before))
        assert set(after) < set(before)


@pytest.mark.parametrize("seed", range(20))
def test_a_spliced_answer_holds_sentences_of_another_in_place_of_its_own(seed):
    for pair, twin in zip(PAIRS, plant("spliced", PAIRS, seed), strict=True):
        own = sentences(pair.response)[0]
        others = [one for text in ANSWERS.values() if text != pair.response for one in sentences(text)[0]]
        assert any(one in twin.response for one in others)
        assert twin.response.startswith(own[0])
        assert not all(one in twin.response for one in own)


@pytest.mark.parametrize(("kind", "starts", "ends"), [("furniture", True, False), ("furniture-before", False, True)])
def test_furniture_stands_around_an_answer_that_is_all_there(kind, starts, ends):
    for pair, twin in zip(PAIRS, plant(kind, PAIRS, 0), strict=True):
        assert twin.response.startswith(pair.response) is starts
        assert twin.response.endswith(pair.response) is ends
        assert twin.instruction == pair.instruction


def test_furniture_differs_from_pair_to_pair():
    pairs = [Pair(f"{n}", f"Why {n}?", f"Because of {n}. " * 20, "seed", "") for n in range(200)]
    pieces = {
        twin.response.removeprefix(pair.response)
        for pair, twin in zip(pairs, plant("furniture", pairs, 0), strict=True)
    }

    assert len(pieces) > 100


@pytest.mark.parametrize("text", [*BEHIND, *BEFORE, *FOREIGN])
def test_furniture_has_no_place_left_to_fill(text):
    made = text.format(other="Bread", year=2020, day=17, count=23)

    assert "{" not in made


def test_dropped_words_leave_the_others_in_order():
    for pair, twin in zip(PAIRS, plant("words-dropped", PAIRS, 0), strict=True):
        before, after = pair.response.split(), twin.response.split()
        same = sum(block.size for block in SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks())
        assert same == len(after)
        assert 0.8 <= len(after) / len(before) <= 0.9


def test_a_refusal_is_about_as_long_as_the_answer_and_says_nothing_of_it():
    for pair, twin in zip(PAIRS, plant("refusal", PAIRS, 0), strict=True):
        assert all(sentence in " ".join(REFUSALS) for sentence in sentences(twin.response)[0])
        assert 0.5 <= len(twin.response) / len(pair.response) <= 2


def test_half_of_what_is_asked_is_answered():
    for pair, twin in zip(PAIRS, plant("half-asked", PAIRS, 0), strict=True):
        assert twin.response == pair.response
        assert pair.instruction in twin.instruction
        assert any(other in twin.instruction for other in ANSWERS.keys() - {pair.instruction})


def test_numbers_of_a_list_and_titles_end_no_sentence():
    said, gaps = sentences('1. Red\n2. Green\n\nSee below. It works! "Does it?" Yes.')

    assert said == ["1. Red", "2. Green", "See below.", "It works!", '"Does it?', "Yes."]
    assert (
        "".join(a + b for a, b in zip(said, gaps, strict=True))
        == '1. Red\n2. Green\n\nSee below. It works! "Does it?" Yes.'
    )


@settings(deadline=None)
@given(st.text(alphabet="Ab1. !?\n\"'(-。", max_size=80))
def test_sentences_and_gaps_make_up_the_text(text):
    said, gaps = sentences(text)

    assert "".join(a + b for a, b in zip(said, gaps, strict=True)) == text.strip()


@settings(deadline=None)
@given(st.sampled_from(sorted(FAULTS)), st.lists(st.text(max_size=200), min_size=2, max_size=5), st.integers(0, 9))
def test_any_text_gets_a_twin_or_none(kind, texts, seed):
    pairs = [Pair(content_id(text), f"Question {n} {text[:9]}", text, "seed", "") for n, text in enumerate(texts)]

    for pair, twin in zip(pairs, plant(kind, pairs, seed), strict=True):
        assert twin is None or twin.id != pair.id
