"""Which segments are chosen: by likeness, by group, by chance."""

import random
from collections import Counter

import pytest

from humpback.config import ChooseSettings
from humpback.likeness.choosing import UNLIKE, choose, choose_shard
from humpback.records import Likeness, Segment


def likenesses(count: int, clusters: int = 1, seed: int = 0) -> list[Likeness]:
    draw = random.Random(seed)
    return [Likeness(f"s{n}", draw.random(), draw.randrange(clusters) if clusters > 1 else -1) for n in range(count)]


def chosen(items: list[Likeness], rng_seed: int = 0, **settings: object) -> list[Likeness]:
    choice = choose(
        lambda: [(i.id, i.score, i.cluster) for i in items], ChooseSettings(**{"by": "hidden"} | settings), rng_seed
    )
    return [item for item, keep in zip(items, choice.chosen(items), strict=True) if keep]


def test_the_share_most_like_the_seed_is_chosen():
    items = likenesses(1000)
    kept = chosen(items, share=0.29, explore=0)

    assert kept == sorted(sorted(items, key=lambda i: -i.score)[:290], key=items.index)


def test_part_of_it_is_drawn_from_the_rest():
    items = likenesses(1000)
    best = {item.id for item in sorted(items, key=lambda i: -i.score)[:160]}
    first, second = ({i.id for i in chosen(items, seed, share=0.2, explore=0.2)} for seed in (0, 1))

    assert best < first
    assert best < second
    assert len(first) == len(second) == 200
    assert len((first - best) & (second - best)) < 15, "another seed draws others"
    ranks = [sum(other.score > item.score for other in items) for item in items if item.id in first - best]
    assert 400 < sum(ranks) / len(ranks) < 760, "from all of the rest alike"


@pytest.mark.parametrize("settings", [{"explore": 0}, {"explore": 0.3}, {"explore": 1}, {"clusters": 4}])
def test_order_and_shards_do_not_matter_nor_do_ties(settings):
    items = [Likeness(f"s{n}", (n % 7) / 7 if n % 5 else None, n % 4) for n in range(500)]
    kept = {item.id for item in chosen(items, share=0.3, words_share=0.5, **settings)}
    again = chosen(items[::-1], share=0.3, words_share=0.5, **settings)
    choice = choose(
        lambda: [(i.id, i.score, i.cluster) for i in items],
        ChooseSettings(by="hidden", share=0.3, words_share=0.5, **settings),
        0,
    )
    shards = [items[at : at + 64] for at in range(0, 500, 64)]

    assert len(kept) == 150
    assert {item.id for item in again} == kept
    assert {i.id for shard in shards for i, keep in zip(shard, choice.chosen(shard), strict=True) if keep} == kept


def test_what_the_model_did_not_read_is_chosen_by_chance_alone():
    items = [Likeness(f"s{n}", None if n % 2 else n / 400, -1) for n in range(400)]
    assert all(item.score is not None for item in chosen(items, share=0.5, explore=0))
    assert any(item.score is None for item in chosen(items, share=0.5, explore=0.2))
    few = [Likeness(f"s{n}", 1.0 if n < 3 else None, -1) for n in range(40)]
    assert len(chosen(few, share=0.5, explore=0)) == 3


def test_no_group_fills_more_than_its_part():
    draw = random.Random(0)
    items = [Likeness(f"s{n}", draw.random() + (n % 3 == 0), 0 if n % 3 == 0 else 1 + n % 2) for n in range(900)]
    free = Counter(item.cluster for item in chosen(items, share=0.2, explore=0, clusters=3, max_cluster_share=1))
    bound = Counter(item.cluster for item in chosen(items, share=0.2, explore=0, clusters=3, max_cluster_share=0.4))
    tight = Counter(item.cluster for item in chosen(items, share=0.2, explore=0, clusters=3, max_cluster_share=0.34))

    assert free == {0: 180}
    assert bound[0] == 72
    assert bound.total() == 180
    assert max(tight.values()) == 61
    assert tight.total() == 180
    best = sorted((item.score for item in items if item.cluster == 0), reverse=True)[:72]
    assert (
        sorted(
            (i.score for i in chosen(items, share=0.2, explore=0, clusters=3, max_cluster_share=0.4) if i.cluster == 0),
            reverse=True,
        )
        == best
    )


def test_each_that_is_left_out_has_a_line_in_the_ledger():
    items = likenesses(40)
    items[3] = Likeness("s3", None, -1)
    segments = [Segment(item.id, "d", "page.html", (), "A text.", "en") for item in items]
    rows = [(item.id, item.score, item.cluster) for item in items]
    outcome = choose_shard(segments, items, choose(lambda: rows, ChooseSettings(share=0.25, explore=0), 0))

    assert (len(outcome.kept), len(outcome.dropped), outcome.read) == (10, 30, 40)
    assert {item.reason for item in outcome.dropped} == {UNLIKE}
    by_id = {item.id: item.detail for item in outcome.dropped}
    assert "did not read it" in by_id["s3"]
    assert all("cutoff" in detail for id_, detail in by_id.items() if id_ != "s3")
