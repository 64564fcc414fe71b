"""Stored artefacts to one self-contained HTML file.

Takes iterators of records and plain facts, counts them in bounded memory (`statistics`, `losses`, `samples`) and
renders the result (`render`). The page loads nothing, runs nothing and trusts no text that came from a document.
Knows no path of a run.
"""

from humpback.deliver.report.data import (
    Distribution,
    Histogram,
    LengthSummary,
    Movement,
    RatingSummary,
    ReportData,
    RunFacts,
    Sample,
    SeparationLike,
    TrainingCurve,
)
from humpback.deliver.report.losses import loss_summaries, paired_difference
from humpback.deliver.report.render import render
from humpback.deliver.report.samples import choose, from_curated, from_dropped, from_rating
from humpback.deliver.report.statistics import length_summary, movement, rating_summary
from humpback.deliver.report.verdict import Verdict, verdict

__all__ = [
    "Distribution",
    "Histogram",
    "LengthSummary",
    "Movement",
    "RatingSummary",
    "ReportData",
    "RunFacts",
    "Sample",
    "SeparationLike",
    "TrainingCurve",
    "Verdict",
    "choose",
    "from_curated",
    "from_dropped",
    "from_rating",
    "length_summary",
    "loss_summaries",
    "movement",
    "paired_difference",
    "rating_summary",
    "render",
    "verdict",
]
