"""What a cascade saved and what it cost, by the sample of left-out candidates that was rated all the same."""

from __future__ import annotations

from humpback.deliver.report.data import RatingSummary
from humpback.statistics.intervals import wilson


def cascade_sentence(item: RatingSummary) -> str:
    """How many candidates were not rated, and how many of those would have been kept; '' where there is no cascade."""
    if not item.skipped:
        return ""
    out = item.skipped + item.checked
    text = f"The cascade left {item.skipped:,} of {item.total:,} candidates unrated ({item.skipped / item.total:.0%})."
    if not item.checked:
        return f"{text} None of those it left out was rated all the same, so what that cost is not known."
    share = wilson(item.checked_kept, item.checked)
    kept = "was" if item.checked_kept == 1 else "were"
    missed = item.skipped * item.checked_kept / item.checked
    span = f"{item.skipped * share.low:,.0f} to {item.skipped * share.high:,.0f}"
    return (
        f"{text} Of {item.checked:,} more of the {out:,} it would have left out, which were rated all the same, "
        f"{item.checked_kept:,} {kept} kept: about {missed:,.0f} ({span}, "
        "Wilson's 95 % interval) of those unrated would have been."
    )
