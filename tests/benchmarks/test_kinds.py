"""The bad pairs of many kinds that a curator is judged by: all are there, distinct, and never good pairs."""

import json
import sys
from collections import Counter
from pathlib import Path

import pytest

from humpback.records import Pair

pytestmark = pytest.mark.benchmark

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from curation_quality import measured, table  # noqa: E402
from labelled_sets import kinds_set  # noqa: E402
from planted.kinds import CHANGES, WORDS, BadPair, bad_pairs, good_passages  # noqa: E402


@pytest.fixture(scope="module")
def good() -> dict[str, Pair]:
    return {pair.id: pair for pair in good_passages()}


@pytest.fixture(scope="module")
def made(good: dict[str, Pair]) -> list[BadPair]:
    return [bad for bad in bad_pairs() if bad.good in good]


def test_every_kind_has_its_number_of_pairs_and_no_pair_is_there_twice(good: dict[str, Pair]):
    bad = bad_pairs()

    counts = Counter(one.kind for one in bad)
    assert sorted(counts.values()) == [10] * 22 + [50] * 9
    assert len({one.pair.id for one in bad} | set(good)) == len(bad) + 50


def test_texts_and_passages_are_as_long_as_a_segment(good: dict[str, Pair]):
    texts = [bad.pair for bad in bad_pairs() if bad.good == bad.pair.id]

    assert [pair.instruction for pair in (*texts, *good.values()) if len(pair.response.split()) not in WORDS] == []
    assert len({pair.response for pair in (*texts, *good.values())}) == 220 + 50


def test_every_document_has_two_passages_at_least(good: dict[str, Pair]):
    assert min(Counter(pair.source for pair in good.values()).values()) >= 2


def test_bad_pairs_are_the_same_each_time_and_others_with_another_seed():
    assert bad_pairs(1) == bad_pairs(1)
    changed = {one.kind for one, other in zip(bad_pairs(1), bad_pairs(2), strict=True) if one != other}
    assert changed == set(CHANGES) - {"neighbour"}


def test_a_bad_pair_differs_from_its_passage_in_the_instruction_or_the_response_alone(
    good: dict[str, Pair], made: list[BadPair]
):
    in_response = {"joined", "missing-figure"}

    for bad in made:
        passage = good[bad.good]
        assert (bad.pair.response != passage.response) == (bad.kind in in_response)
        assert (bad.pair.instruction != passage.instruction) == (bad.kind not in in_response)


def test_the_neighbours_instruction_comes_from_the_same_document(good: dict[str, Pair], made: list[BadPair]):
    documents = {pair.instruction: pair.source for pair in good.values()}

    assert all(documents[bad.pair.instruction] == bad.pair.source for bad in made if bad.kind == "neighbour")


def test_the_table_has_each_kind_their_mean_and_the_worst(tmp_path: Path):
    file = tmp_path / "good.jsonl"
    words = {"as long": 100, "too short": 20}
    rows = [{"instruction": name, "response": "word " * count} for name, count in words.items()]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    kinds = kinds_set(file, 1200)
    assert [item.pair.instruction for item in kinds.items if item.good][50:] == ["as long"]
    assert set(Counter(item.fault for item in kinds_set(file, 1200, 5).items).values()) == {26, 5}
    low = {"advert": 0.5, "minutes": 2.0}

    figures = measured(kinds, {item.pair.id: {"score": low.get(item.fault, 0.0) + item.label} for item in kinds.items})

    values = {kind: figure.value for kind, figure in figures.items()}
    assert {kind: value for kind, value in values.items() if value < 1} == {
        "minutes": 0.0, "worst": 0.0, "mean": 30 / 31, "all": 660 / 670
    }  # fmt: skip
    assert (figures["worst"].name, figures["mean"].of) == ("minutes", 31)
    plain = {kind: {"value": f.value, "interval": {"low": f.value, "high": f.value}} for kind, f in figures.items()}
    row = {"model": "m", "scorer": "s", "sets": {"kinds": plain}, "length": {"value": 0.0}}
    lines = list(table([row], [kinds]))
    assert lines[0] == "| model | scorer | kinds, mean | kinds, worst | length |"
    assert "| minutes | .00 |" in lines
    assert "| advert | 1.00 |" in lines
