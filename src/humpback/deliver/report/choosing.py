"""What the report says of the direction that segments were chosen by."""

from __future__ import annotations

import math

from humpback.deliver.report.data import DirectionSummary

LEAST_TRANSFER = 0.7
"""AUROC below which the report warns: what was chosen is then hardly more like the seed than a draw by chance."""

_WHAT = {"hidden": "hidden states", "words": "words"}


def direction_sentence(item: DirectionSummary) -> str:
    """How well a direction finds held-back seed answers among the corpus."""
    return (
        f"The direction by {_WHAT[item.by]} finds held-back seed answers among the corpus: AUROC "
        f"{_short(item.transfer)} (.5 is chance). It was made from {item.answers:,} seed answers and "
        f"{item.segments:,} segments."
    )


def direction_warning(directions: tuple[DirectionSummary, ...]) -> str:
    """Why the choice may be worth little; empty where it is sound, or nothing was chosen."""
    if not directions or directions[0].transfer >= LEAST_TRANSFER:
        return ""
    return (
        f"The direction that segments were chosen by hardly tells held-back seed answers from the corpus (AUROC "
        f"{_short(directions[0].transfer)}). Where most of the corpus answers something, that is so, and "
        "corpus.choose.share may be 1. Else what was chosen resembles the seed little: give more seed pairs."
    )


def _short(auroc: float) -> str:
    return f"{auroc:.2f}".removeprefix("0") if math.isfinite(auroc) else "not known"
