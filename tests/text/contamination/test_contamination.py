import gzip
import json
import pickle
import random
from pathlib import Path

import pytest

from humpback.config import DecontaminateSettings
from humpback.text.contamination import Prompt, read_contamination, read_prompts
from humpback.text.contamination.index import COMMON, Contamination
from tests.corpus.samples import BREAD, BREAD_TEXT, TIDES_TEXT, distinct

PUBLIC = Path(__file__).parents[4] / "shared" / "data"
LONG = "Explain to a child of six why the keeper of a lighthouse counts the ships that pass before dawn breaks."
SHORT = "Who counts the ships?"
LOAF = "How long does a loaf bake?"


def of(text: str, *prompts: str, **settings: float) -> str | None:
    places = (Prompt(f"set.jsonl#{row}", prompt) for row, prompt in enumerate(prompts, start=1))
    return Contamination(places, DecontaminateSettings(**settings)).of(text)  # type: ignore[arg-type]


def test_a_text_that_holds_a_prompt_is_told_with_its_place_and_share() -> None:
    assert of(f"{BREAD_TEXT} {LONG} {TIDES_TEXT}", "What rises twice?", LONG) == "set.jsonl#2: 13 of 13 8-grams"
    assert of(f"{BREAD_TEXT} {TIDES_TEXT}", LONG) is None


def test_case_marks_and_line_breaks_hide_no_prompt() -> None:
    hidden = "> **" + LONG.upper().replace(" ", "\n").replace("SIX", "*six*,") + "**"
    assert of(hidden, LONG) == "set.jsonl#1: 13 of 13 8-grams"


def test_half_of_the_ngrams_of_a_prompt_are_enough_and_less_is_not() -> None:
    said = LONG.split()
    assert of(" ".join(said[:14]), LONG) == "set.jsonl#1: 7 of 13 8-grams"
    assert of(" ".join(said[:13]), LONG) is None
    assert of(" ".join(said[:13]), LONG, min_overlap=0.4) == "set.jsonl#1: 6 of 13 8-grams"
    assert of(" ".join(said[:16]), LONG, ngram=13) == "set.jsonl#1: 4 of 8 13-grams"


def test_a_repeated_stretch_counts_once() -> None:
    assert of(" ".join(LONG.split()[:10] * 9), LONG) is None


def test_of_several_prompts_the_one_held_most_is_named() -> None:
    longer = f"{LONG} Then ask the child what else there is to count in the north harbour at night."
    assert of(LONG, longer, LONG) == "set.jsonl#2: 13 of 13 8-grams"


def test_a_short_prompt_must_stand_there_as_a_sentence_of_its_own() -> None:
    assert of(f"{BREAD_TEXT}\n\n### {LOAF}\n\nAn hour.", LOAF) == "set.jsonl#1: all of its 6 words"
    assert of("Question: how long does a loaf bake", LOAF) is not None
    assert of("She asked herself how long does a loaf bake when it is packed.", LOAF) is None
    assert of("How long does a loaf bake, and how hot?", LOAF) is None


def test_prompts_of_fewer_than_five_words_are_not_looked_for_and_counted() -> None:
    prompts = [Prompt("a#1", SHORT), Prompt("a#2", LOAF), Prompt("a#3", LONG)]
    contamination = Contamination(prompts, DecontaminateSettings())
    assert contamination.of(SHORT) is None
    assert (len(contamination), contamination.not_looked_for) == (2, 1)


def test_a_short_prompt_that_one_file_asks_twice_is_no_sign() -> None:
    assert of(LOAF, LOAF, LONG, LOAF.upper()) is None
    prompts = [Prompt("one.jsonl#1", LOAF), Prompt("two.jsonl#1", LOAF)]
    assert Contamination(prompts, DecontaminateSettings()).of(LOAF) == "one.jsonl#1: all of its 6 words"


def test_the_words_in_which_a_whole_set_asks_are_no_sign() -> None:
    ask = "Please choose the correct answer to the question below and give only its letter:"
    asked = [f"{ask} {sentence}" for sentence in BREAD] + [f"{ask} {one}." for one in distinct(COMMON).split(". ")]
    assert of(f"{ask} {TIDES_TEXT}", *asked) is None
    assert of(BREAD[2], *asked) is not None
    few = [f"{ask} {word}" for word in "north south east west".split()]
    assert of(f"{ask} {TIDES_TEXT}", *few) is not None


def test_prompts_that_begin_with_the_same_hundred_words_are_told_apart() -> None:
    opening = distinct(7)
    held = of(TIDES_TEXT, f"{opening} {BREAD_TEXT}", f"{opening} {TIDES_TEXT}", min_overlap=0.3)
    assert held is not None
    assert held.startswith("set.jsonl#2")


def test_texts_in_scripts_without_spaces_are_compared_by_character() -> None:
    asked = "请向一个六岁的孩子解释为什么灯塔看守人要数船"
    assert of(f"开头。{asked}？结尾。", asked) == "set.jsonl#1: 15 of 15 8-grams"
    assert of("完全不同的一段文字，没有任何相同之处，只是谈论面包。", asked) is None


@pytest.mark.parametrize("text", ["", " ", "…", "\x00", "\ud800", "one two three"])
def test_a_text_of_hardly_a_word_holds_nothing(text: str) -> None:
    assert of(text, LONG, LOAF) is None


def test_without_prompts_nothing_is_held() -> None:
    empty = read_contamination(DecontaminateSettings())
    assert (len(empty), empty.of(LONG)) == (0, None)


def test_a_long_ngram_leaves_the_prompts_below_it_to_be_held_whole() -> None:
    assert of(f"A question.\n{LONG}", LONG, ngram=50) == "set.jsonl#1: all of its 20 words"


def test_it_finds_the_same_after_it_has_travelled() -> None:
    contamination = Contamination([Prompt("a#1", LONG), Prompt("a#2", LOAF)], DecontaminateSettings())
    travelled = pickle.loads(pickle.dumps(contamination))
    for text in (LONG, LOAF, BREAD_TEXT):
        assert travelled.of(text) == contamination.of(text)


def texts(folder: str, column: str) -> list[str]:
    paths = sorted((PUBLIC / folder).glob("*.jsonl.gz"))
    return [json.loads(line)[column] for path in paths for line in gzip.open(path, "rt", encoding="utf-8")]


@pytest.mark.data
@pytest.mark.skipif(not PUBLIC.is_dir(), reason="the public data sets are not beside the checkout")
def test_planted_prompts_are_found_in_real_documents_and_none_where_none_was_planted() -> None:
    rng = random.Random(0)
    files = sorted(map(str, (PUBLIC / "eval").glob("*.jsonl*")))
    settings = DecontaminateSettings(against=tuple(files))
    contamination = read_contamination(settings)
    documents = [text for text in texts("docs", "text") if len(text) < 20_000]
    clean = rng.sample(documents, 600)
    assert [found for text in clean if (found := contamination.of(text))] == []
    planted = [prompt for prompt in read_prompts(settings) if len(prompt.text.split()) >= 8]
    assert len(planted) > 1500
    for prompt in rng.sample(planted, 300):
        paragraphs = rng.choice(clean).split("\n\n")
        paragraphs.insert(rng.randrange(len(paragraphs) + 1), prompt.text.lower())
        assert contamination.of("\n\n".join(paragraphs)), prompt.source
