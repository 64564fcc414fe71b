import gzip
import json
from pathlib import Path

import pytest

from humpback.errors import InputError
from humpback.evaluation.diversity import diversity
from humpback.standalone.describe import diversity_lines

DATA = Path(__file__).parents[3] / "shared" / "data"

PLAIN = [
    "How do I bake a loaf of bread at home?",
    "Explain why the sky looks blue in the daytime.",
    "Write a poem about an old harbour in winter.",
    "List three causes of the French Revolution.",
    "Translate this sentence into Spanish for me.",
]


def test_texts_without_anything_in_common():
    found = diversity(PLAIN)
    assert (found.texts, found.clusters, found.alone, found.largest) == (5, 5, 1.0, 0.2)
    assert found.nearest < 0.1
    assert found.distinct[1:] == (1.0, 1.0, 1.0)


def test_copies_are_one_cluster():
    found = diversity(PLAIN[:1] * 3 + PLAIN[1:])
    assert (found.clusters, found.largest) == (5, pytest.approx(3 / 7))
    assert found.alone == pytest.approx(4 / 7)
    assert found.nearest == pytest.approx(3 / 7)


def test_similarity_is_that_of_the_ngrams():
    # 8 and 8 bigrams, 7 shared of 9: Jaccard .78.
    one, two = "one two three four five six seven eight nine", "one two three four five six seven eight ten"
    found = diversity([one, two])
    assert found.nearest == pytest.approx(7 / 9, abs=0.12)
    assert found.clusters == 1


def test_likes_are_linked_through_others():
    words = [f"w{k}" for k in range(60)]
    chain = [" ".join(words[start : start + 30]) for start in range(0, 30, 6)]
    assert diversity(chain).clusters == 1
    assert diversity([chain[0], chain[4]]).clusters == 2


def test_entropy_and_distinct_ngrams_by_hand():
    found = diversity(["a a b b", "c c d d"])
    assert found.entropy == pytest.approx(2.0)
    assert found.distinct[0] == pytest.approx(0.5)
    assert found.rare_words == 0.0


def test_a_text_without_words_and_one_of_one_word():
    found = diversity(["...", "!!!", "Hello", "hello"])
    assert found.clusters == 3
    with pytest.raises(InputError, match="no word"):
        diversity(["...", ""])


def test_the_sample_is_seeded():
    texts = [f"Tell me about subject {k} and its neighbour {k + 1}." for k in range(300)]
    assert diversity(texts, 50, 1) == diversity(texts, 50, 1)
    assert diversity(texts, 50, 1) != diversity(texts, 50, 2)
    assert diversity(texts, 50, 1).texts == 50


def test_templates_are_less_diverse_than_people(tmp_path):
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"instruction": text}) + "\n" for text in PLAIN))
    rows = [{"instruction": f"Write a long and detailed text about topic {k}."} for k in range(40)]
    (tmp_path / "b.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    lines = list(diversity_lines([tmp_path / "a.jsonl", tmp_path / "b.jsonl"], 2000, 0))
    assert lines[0].startswith("5 instructions of each")
    assert [line.split()[7] for line in lines[2:]] == ["5", "1"]


@pytest.mark.data
@pytest.mark.skipif(not DATA.is_dir(), reason="no public data sets beside the checkout")
def test_people_write_diverse_instructions():
    with gzip.open(DATA / "seed" / "dolly15k.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    found = diversity([str(row["instruction"]) for row in rows], 1000)
    assert found.alone > 0.8
    assert found.distinct[2] > 0.7
