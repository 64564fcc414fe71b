"""A made-up run with everything a report can show."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from humpback.deliver.facts import ReasonCount, StageFacts
from humpback.deliver.report.data import ReportData, RunFacts, TrainingCurve
from humpback.deliver.report.losses import loss_summaries
from humpback.deliver.report.samples import choose, from_curated, from_dropped, from_rating
from humpback.deliver.report.statistics import length_summary, movement, rating_summary
from humpback.records import Candidate, Curated, Direction, Dropped, HeldOutLoss, Pair, Rating, content_id

TEXT = (
    "A tide pool is a pocket of sea water that stays behind between rocks when the tide goes out. Its creatures "
    "endure heat, rain and waves: limpets close tightly, anemones fold inwards, crabs wait in the shade.\n\n"
    "Look first at the edge. Barnacles live highest, mussels below them, and kelp only where it never dries.\n\n"
)

MODELS = ("backward", "forward-0", "forward-1", "forward-2")
"""In the order in which they are trained."""


@dataclass(frozen=True)
class Finding:
    """Stands for what a separation test says."""

    flat: bool
    sentence: str


def make_candidates(count: int, seed: int = 0) -> list[Candidate]:
    generator = np.random.default_rng(seed)
    rows = []
    for place in range(count):
        response = (TEXT * 8)[: int(np.clip(generator.lognormal(7.2, 0.4), 600, 3000))]
        instruction = ("How do the creatures of a tide pool survive between two tides? " * 9)[
            : int(np.clip(generator.lognormal(4.3, 0.6), 10, 500))
        ]
        rows.append(
            Candidate(
                id=content_id("candidate", str(place)),
                segment_id=f"s{place}",
                document_id=f"d{place // 3}",
                source=f"shore/guide-{place // 3}.html",
                title_path=("Guide to the shore", f"Pools, part {place}"),
                instruction=instruction,
                response=response,
                model="backward-identity",
                log_probability=-1.0,
            )
        )
    return rows


def make_ratings(rows: list[Candidate], iteration: int, *, expected: bool = False) -> list[Rating]:
    generator = np.random.default_rng(iteration)
    ratings = []
    for place, row in enumerate(rows):
        quality = (place * 37 % 101) / 101
        raw = 1.2 + 3.6 * quality + generator.normal(0, 0.8 / iteration)
        score = float(np.clip(raw, 1, 5)) if expected else float(np.clip(np.round(raw * 2) / 2, 1, 5))
        state = "unparsed" if place % 13 == 0 else "truncated" if place % 29 == 0 else "scored"
        ratings.append(
            Rating(
                id=row.id,
                iteration=iteration,
                scorer="expected-rating" if expected else "rating",
                model=f"forward-{iteration - 1}",
                state=state,
                score=score if state == "scored" else None,
                reply=f"The answer is focused and complete.\nScore: {score}",
                finish_reason="length" if state == "truncated" else "stop",
            )
        )
    return ratings


def make_curated(rows: list[Candidate], ratings: list[Rating], threshold: float = 4.0) -> list[Curated]:
    return [
        Curated(
            id=row.id,
            segment_id=row.segment_id,
            document_id=row.document_id,
            source=row.source,
            title_path=row.title_path,
            instruction=row.instruction,
            response=row.response,
            model=row.model,
            score=rating.score,
            iteration=rating.iteration,
            scorer=rating.scorer,
            rated_by=rating.model,
        )
        for row, rating in zip(rows, ratings, strict=True)
        if rating.score is not None and rating.score >= threshold
    ]


def make_losses() -> Iterator[HeldOutLoss]:
    generator = np.random.default_rng(5)
    forward = {"base": 2.31, "forward-0": 2.05, "forward-1": 2.02, "forward-2": 1.99}
    backward = {"base": 2.4, "backward": 1.61}
    ways: tuple[tuple[Direction, dict[str, float]], ...] = (("forward", forward), ("backward", backward))
    hardness = generator.normal(0, 0.4, 60)
    lengths = generator.integers(5, 300, 60)
    for direction, means in ways:
        for model, mean in means.items():
            for place in range(60):
                rate = mean + float(hardness[place]) + float(generator.normal(0, 0.12))
                tokens = int(lengths[place])
                yield HeldOutLoss(f"p{place}", model, direction, rate * tokens, tokens)


def make_curve(model: str, steps: int, seed: int) -> TrainingCurve:
    generator = np.random.default_rng(seed)
    numbers = tuple(range(1, steps + 1))
    losses = tuple(1.9 + 0.7 * math.exp(-step / 40) + float(generator.normal(0, 0.12)) for step in numbers)
    rates = tuple(1e-5 - 1e-6 * step / steps for step in numbers)
    return TrainingCurve(model, numbers, losses, rates, pairs=steps * 8)


def make_run() -> RunFacts:
    return RunFacts(
        name="tide-pools",
        date="2026-02-03 10:20 UTC",
        version="0.1.0",
        base_model="package:gemma3-270m",
        base_identity="blake2b:3f6e0a77d2",
        base_licence="Gemma Terms of Use",
        machine="2 CPU cores, 8 GiB memory, no accelerator",
        seconds=4312.0,
        roles=(("base", "package:gemma3-270m"),),
    )


@pytest.fixture
def candidates() -> list[Candidate]:
    return make_candidates(400)


@pytest.fixture
def ratings() -> Callable[..., list[Rating]]:
    return make_ratings


@pytest.fixture
def run_facts() -> RunFacts:
    return make_run()


@pytest.fixture
def losses() -> list[HeldOutLoss]:
    return list(make_losses())


@pytest.fixture
def full(candidates: list[Candidate]) -> ReportData:
    return make_full(candidates)


def make_full(candidates: list[Candidate], *, expected: bool = False) -> ReportData:
    first, second = (make_ratings(candidates, number, expected=expected) for number in (1, 2))
    kept_1, kept_2 = make_curated(candidates, first), make_curated(candidates, second)
    seed = [Pair(f"p{n}", "How?" * (n + 3), "So." * (9 * n + 10), "seed", "seed.jsonl") for n in range(90)]
    dropped = [
        Dropped(f"x{n}", "too short", f"{40 + n} characters", "shore/a.html", "Menu Home About us") for n in range(3)
    ]
    below = [
        from_rating(row, rating, "below the threshold", "curated-2")
        for row, rating in zip(candidates, second, strict=True)
        if rating.score is not None and rating.score < 4
    ]
    return ReportData(
        run=make_run(),
        segments=470,
        candidates=len(candidates),
        curated=len(kept_2),
        path=("segments", "candidates", "curated-2"),
        documents=134,
        stages=make_stages(len(candidates), len(kept_1), len(kept_2)),
        lengths=(
            length_summary("seed", seed),
            length_summary("candidates", candidates),
            length_summary("curated-1", kept_1),
            length_summary("curated-2", kept_2),
        ),
        ratings=(
            rating_summary(
                first,
                iteration=1,
                kept=len(kept_1),
                threshold=4.0,
                separation=Finding(True, "Nearly all candidates got the same score: the cut is close to a random one."),
            ),
            rating_summary(
                second,
                iteration=2,
                kept=len(kept_2),
                threshold=4.0,
                separation=Finding(False, "The scores spread over the scale."),
            ),
        ),
        movements=(movement(first, second, (row.id for row in kept_1), (row.id for row in kept_2)),),
        losses=loss_summaries(make_losses(), order=MODELS),
        model_names={"backward": "M_yx", "forward-0": "M₀", "forward-1": "M₁", "forward-2": "M₂"},
        seed_model="forward-0",
        curves=(make_curve("backward", 120, 1), make_curve("forward-0", 120, 2), make_curve("forward-2", 900, 3)),
        samples=(
            *(from_curated(row, "curated-2") for row in choose(kept_2, 4, key=lambda row: row.id)),
            *below[:3],
            *(from_dropped(row, "segments") for row in dropped),
        ),
        settings="run:\n  seed: 0\n  iterations: 2\n",
        notes=("The corpus is small.",),
    )


def make_stages(candidates: int, first: int, second: int) -> tuple[StageFacts, ...]:
    reasons = (
        ReasonCount("too short", 161, 40_250),
        ReasonCount("navigation header", 40),
        ReasonCount("near duplicate", 12),
    )
    return (
        StageFacts("seed", 100, 90, 0.4, (ReasonCount("held out", 10),)),
        StageFacts("segments", 134, 470, 7.9, reasons, chars_out=705_000),
        StageFacts("backward", 90, 90, 402.0, (), 20_400),
        StageFacts("candidates", 470, candidates, 1204.0, (ReasonCount("echo", 70),), 220_000, 14_031),
        StageFacts("ratings-1", candidates, candidates, 700.0, (), 310_000, 4_000),
        StageFacts(
            "curated-1",
            candidates,
            first,
            0.2,
            (ReasonCount("below the threshold", candidates - first - 40), ReasonCount("no score", 40)),
        ),
        StageFacts("forward-1", 90 + first, 90 + first, 610.0, (), 150_000),
        StageFacts("curated-2", candidates, second, 0.2, (ReasonCount("below the threshold", candidates - second),)),
    )
