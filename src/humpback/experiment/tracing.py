"""What became of planted answers: which were selected, how scores tell them apart, what instructions are worth."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from humpback.experiment.instructions import INSTRUCTIONS
from humpback.experiment.plan import Grid
from humpback.experiment.planted import PLANTED, PlantedCorpus, hidden_instructions
from humpback.records import Candidate, Curated, HeldOutLoss, Likeness, Pair, Rating, Segment
from humpback.runs.stage import Stage
from humpback.runs.store import Run
from humpback.statistics.intervals import DRAWS, FloatArray, Interval, percentile_interval, resample_counts
from humpback.statistics.ranks import TieBlocks, auroc
from humpback.text.likeness import word_f1

_CHUNK = 200
"""Draws made at a time."""


@dataclass(frozen=True, slots=True)
class Selected:
    """What one selection holds of what was planted."""

    stage: str
    size: int
    planted: int
    base_rate: float
    """Part of what it selected from that was planted: the precision of chance."""
    recall: float
    """Part of all planted answers."""
    kinds: Mapping[str, int]

    @property
    def precision(self) -> float:
        """Part of the selection that was planted."""
        return self.planted / self.size


@dataclass(frozen=True, slots=True)
class Separation:
    """How well scores put planted answers above distractors: AUROC, .5 is chance."""

    stage: str
    auroc: float
    interval: Interval
    kinds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Reading:
    """What written instructions are worth to M_0, before anything is trained on them."""

    candidates: str
    answers: int
    losses: Mapping[str, float]
    """Nats for a token of the planted answers under the hidden, the written and another answer's instruction."""
    recovered: float
    """(another - written) / (another - hidden)."""
    interval: Interval
    likeness: float
    """Mean F1 of the words of the written and the hidden instruction."""


def selections_of(grid: Grid, corpus: PlantedCorpus, run: Run) -> Iterator[Selected]:
    """Every curated set and every choice of segments that is finished."""
    planted = sum(1 for _ in run.stage(corpus.planted.name).column("id")) if _is_done(run, corpus.planted) else 0
    for stage in grid.stages.values():
        if not _is_done(run, stage) or "shuffled" in stage.name or "hidden" in stage.name:
            continue  # the same selection under other instructions
        if stage.makes is Curated or (stage.makes is Segment and stage.name.startswith("chosen")):
            kinds = Counter(run.stage(stage.name).column("source"))
            before = Counter(run.stage(stage.needs[0]).column("source"))
            yield Selected(
                stage.name,
                kinds.total(),
                kinds[PLANTED],
                before[PLANTED] / before.total(),
                kinds[PLANTED] / planted,
                {kind: kinds[kind] for kind in before if kind != PLANTED},
            )


def separations_of(grid: Grid, run: Run) -> Iterator[Separation]:
    """Every scorer that rated planted answers and distractors, and every measure of likeness to the seed."""
    for stage in grid.stages.values():
        scores_all = stage.makes is Likeness or (stage.makes is Rating and stage.name.startswith("ratings"))
        if not scores_all or not _is_done(run, stage):
            continue
        kind_of = dict(
            zip(run.stage(stage.needs[0]).column("id"), run.stage(stage.needs[0]).column("source"), strict=True)
        )
        scores: dict[str, list[float]] = {}
        for name, score in zip(run.stage(stage.name).column("id"), run.stage(stage.name).column("score"), strict=True):
            scores.setdefault(kind_of[name], []).append(-math.inf if score is None else score)
        if separation := separate(stage.name, scores):
            yield separation


def separate(name: str, scores: Mapping[str, Sequence[float]]) -> Separation | None:
    """AUROC of planted answers above distractors, all and by kind; None where there is nothing to tell apart.

    Args:
        name: What scored them.
        scores: By kind of text.
    """
    planted = np.array(scores.get(PLANTED, ()))
    kinds = {kind: np.array(values) for kind, values in scores.items() if kind != PLANTED}
    if not len(planted) or not kinds:
        return None
    distractors = np.concatenate(list(kinds.values()))
    blocks = TieBlocks(np.concatenate([planted, distractors]))
    drawn = [
        blocks.auroc(np.hstack([np.zeros_like(upper), lower]), np.hstack([upper, np.zeros_like(lower)]))
        for upper, lower in zip(
            resample_counts(len(planted), DRAWS, _CHUNK, 0),
            resample_counts(len(distractors), DRAWS, _CHUNK, 1),
            strict=True,
        )
    ]
    by_kind = {kind: auroc(values, planted) for kind, values in kinds.items()}
    return Separation(name, auroc(distractors, planted), percentile_interval(np.concatenate(drawn)), by_kind)


def readings_of(grid: Grid, corpus: PlantedCorpus, run: Run) -> Iterator[Reading]:
    """What M_0 says of each set of candidates."""
    for candidates, name in grid.readings.items():
        if not run.stage(name).manifest():
            continue
        losses: dict[str, dict[str, HeldOutLoss]] = {kind: {} for kind in INSTRUCTIONS}
        for item in run.stage(name).records(HeldOutLoss):
            losses[item.model][item.id] = item
        ids = sorted(set.intersection(*(set(items) for items in losses.values())))
        nats = np.array([[losses[kind][name].nats for name in ids] for kind in INSTRUCTIONS])
        tokens = np.array([losses["hidden"][name].tokens for name in ids], float)
        hidden, written, another = (float(value) for value in nats.sum(1) / tokens.sum())
        drawn = np.concatenate(
            [_share(counts @ nats.T, counts @ tokens) for counts in resample_counts(len(ids), DRAWS, _CHUNK, 0)]
        )
        instructions = hidden_instructions(run.stage(corpus.planted.name).records(Pair))
        rows = [row for row in run.stage(candidates).records(Candidate) if row.source == PLANTED]
        yield Reading(
            candidates,
            len(ids),
            {"hidden": hidden, "written": written, "another": another},
            (another - written) / (another - hidden),
            percentile_interval(drawn),
            fmean(word_f1(row.instruction, instructions[row.segment_id]) for row in rows),
        )


def _share(nats: FloatArray, tokens: FloatArray) -> FloatArray:
    hidden, written, another = (nats / tokens[:, None]).T
    share: FloatArray = (another - written) / (another - hidden)
    return share


def _is_done(run: Run, stage: Stage) -> bool:
    return run.stage(stage.name).manifest() is not None
