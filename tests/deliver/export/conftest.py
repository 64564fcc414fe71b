"""A small curated set with the characters that break exports, and the facts of its card."""

from __future__ import annotations

import pytest

from humpback.deliver.export import CardFacts
from humpback.deliver.facts import Difference, LossSummary, ReasonCount, StageFacts
from humpback.models import Licence
from humpback.records import Curated, Pair, Rating

ODD = (
    "plain",
    'two\nlines, a\ttab and "quotes" with \\ a backslash',
    "separators \u2028 and \u2029 and \u0085 stay one line",
    "emoji \U0001f40b, combining e\u0301, right-to-left \u05e9\u05dc\u05d5\u05dd",
    "<|im_end|> <start_of_turn> </s> [INST] {{ x }} {% y %}",
    "\x00 zero \x1b[31m escape",
    "",
)


def make_curated(count: int) -> list[Curated]:
    return [
        Curated(
            id=f"{place:032x}",
            segment_id=f"s{place}",
            document_id=f"d{place}",
            source=f"docs/{ODD[place % len(ODD)]}",
            title_path=("Guide", ODD[(place + 1) % len(ODD)]),
            instruction=f"{place} {ODD[place % len(ODD)]}",
            response=f"{ODD[(place + 2) % len(ODD)]} {place}",
            model="backward-identity",
            score=4.5,
            iteration=2,
            scorer="rating",
            rated_by="forward-1-identity",
        )
        for place in range(count)
    ]


def make_ratings(rows: list[Curated]) -> list[Rating]:
    ratings = []
    for row in rows:
        ratings.append(Rating(row.id, 2, "rating", "m1", "scored", 4.5, "Score: 4.5", "stop"))
        ratings.append(Rating(row.id, 1, "rating", "m0", "truncated", None, "It is", "length"))
    return ratings


@pytest.fixture
def curated() -> list[Curated]:
    return make_curated(23)


@pytest.fixture
def ratings(curated: list[Curated]) -> list[Rating]:
    return make_ratings(curated)


@pytest.fixture
def seed_pairs() -> list[Pair]:
    return [Pair(f"p{place}", f"Ask {place}", f"Answer {place}", "seed", "seed.jsonl#1") for place in range(5)]


@pytest.fixture
def facts() -> CardFacts:
    return CardFacts(
        name="tide pools: a test",
        date="2026-02-03",
        version="0.1.0",
        base_model="package:gemma3-270m",
        base_identity="3f6e0a77",
        base_licence=Licence("Gemma Terms of Use", "Gemma is provided under its terms."),
        scorer="rating",
        selection="a score of 4.5 or more",
        iterations=2,
        curated=23,
        seed_pairs=5,
        seed_source="package:demo",
        corpus=("docs/*.html", "a|b`c"),
        tag_seed="Answer in the style of an AI Assistant.",
        tag_augmented="Answer with knowledge from web search.",
        languages=("en",),
        stages=(
            StageFacts("segments", 10, 40, 1.0, (ReasonCount("too short", 7), ReasonCount("navigation | header", 2))),
            StageFacts("curated-2", 40, 23, 1.0, (ReasonCount("below the threshold", 17),)),
        ),
        losses=(
            LossSummary("base", "forward", 60, 6000, 2.3456),
            LossSummary("forward-2", "forward", 60, 6000, 1.9, (Difference("base", -0.4456, 0.02, -0.48, -0.41, 60),)),
        ),
        settings={"learning rate": "1e-5, falling to 9e-6"},
        warnings=("The scores of iteration 1 <b>hardly</b> differ.",),
    )
