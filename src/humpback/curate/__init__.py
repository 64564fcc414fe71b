"""Scores for candidates, and the choice of what to keep (self-curation: paper, section 2.3).

`scorers` turns candidates into ratings, one for each, also where there is no score. `select` turns all scores of an
iteration into a cutoff, then candidates and ratings into curated records, shard by shard. `separation` says whether the
scores of a scorer tell candidates apart at all. `cascade` lets the expensive scorer see only what a cheap one leaves in
reach; `ranks` makes one score of several.
"""

from humpback.curate.base import Scorer
from humpback.curate.baselines import NoModel
from humpback.curate.cascade import rate_within, reach
from humpback.curate.ranks import Question, Ranks, RankScorer
from humpback.curate.rating import ExpectedRatingScorer, RatingScorer
from humpback.curate.scorers import make_scorer
from humpback.curate.select import curate, cutoff, explain_empty
from humpback.curate.separation import separation

__all__ = [
    "ExpectedRatingScorer",
    "NoModel",
    "Question",
    "RankScorer",
    "Ranks",
    "RatingScorer",
    "Scorer",
    "curate",
    "cutoff",
    "explain_empty",
    "make_scorer",
    "rate_within",
    "reach",
    "separation",
]
