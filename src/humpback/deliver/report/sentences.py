"""What the report says in sentences of the choice of segments, and of what a cascade saved and cost."""

from __future__ import annotations

import math

from humpback.deliver.report.data import DirectionSummary, RatingSummary
from humpback.statistics.intervals import wilson

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


def cascade_sentence(item: RatingSummary) -> str:
    """How many candidates were not rated, and how many of those would have been kept; '' where there is no cascade."""
    if not item.skipped:
        return ""
    left_out = item.skipped + item.checked
    text = f"The cascade left {item.skipped:,} of {item.total:,} candidates unrated ({item.skipped / item.total:.0%})."
    if not item.checked:
        return f"{text} None of those it left out was rated all the same, so what that cost is not known."
    share = wilson(item.checked_kept, item.checked)
    verb = "was" if item.checked_kept == 1 else "were"
    missed = item.skipped * item.checked_kept / item.checked
    span = f"{item.skipped * share.low:,.0f} to {item.skipped * share.high:,.0f}"
    return (
        f"{text} Of {item.checked:,} more of the {left_out:,} it would have left out, which were rated all the same, "
        f"{item.checked_kept:,} {verb} kept: about {missed:,.0f} ({span}, "
        "Wilson's 95 % interval) of those unrated would have been."
    )


def _short(auroc: float) -> str:
    return f"{auroc:.2f}".removeprefix("0") if math.isfinite(auroc) else "not known"
