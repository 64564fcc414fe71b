"""Selection: which of the rated candidates an iteration keeps (A_k: paper, section 2.3).

In two passes, so that no shard waits for another: all (id, score) of an iteration give a `Cutoff`, which then decides
record by record. Ties at the cutoff are broken by a digest of the id, so that the choice is the same whatever the order
in which scores arrive. The first pass holds nothing for a threshold; for a share or a number it holds 16 bytes for each
scored candidate, and some more for the moment in which it decides. `diverse` draws a line that leaves out some of those
above it.
"""

from __future__ import annotations

import hashlib
import math
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from humpback.config import SelectSettings
from humpback.config.scorers import DEFAULT_THRESHOLD
from humpback.curate.findings import low_signs
from humpback.data_access.decisions import Ruling
from humpback.engines.base import ALONE
from humpback.errors import StageError
from humpback.reasons import in_words
from humpback.records import Candidate, Curated, Dropped, Outcome, Rating, RatingState

BELOW = "below the threshold"
"""The reason of a candidate that was scored and not kept."""
REJECTED = "rejected by people"
"""The reason of a candidate that people rejected."""
PEOPLE = "people"
"""The scorer of a pair that is kept because people approved it: its score alone would not have been enough."""

_LAST_TIE = 2**64 - 1
_EXCERPT = 200


@dataclass(frozen=True, slots=True)
class PassedOver:
    """Why a candidate above the line is not kept."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Cutoff:
    """Where the line between kept and left out is, and what was seen when it was drawn."""

    score: float
    """Scores above are kept; of those equal to it the ones whose id has a digest up to `tie`."""
    tie: int
    candidates: int
    """All that came in, scored or not."""
    scored: int
    kept: int
    best: float | None
    """The highest score; None where nothing was scored."""
    rule: str
    """The setting that drew the line, in words."""
    passed_over: Mapping[int, PassedOver] = field(default_factory=dict)
    """Those above the line that are not kept all the same, by the digest of their id."""

    def keeps(self, record_id: str, score: float | None) -> bool:
        """Whether a candidate with this score is kept. One without a score never is."""
        if score is None or not math.isfinite(score):
            return False
        above = score > self.score or (score == self.score and tie_digest(record_id) <= self.tie)
        return above and not (self.passed_over and tie_digest(record_id) in self.passed_over)


def cutoff(scores: Iterable[tuple[str, float | None]], settings: SelectSettings) -> Cutoff:
    """Draws the line for one iteration.

    Args:
        scores: Id and score of every candidate, each once, in any order; None where it was not scored.
        settings: A threshold, a share of all candidates (rounded down, at least one) or a number.
    """
    if settings.top_share is None and settings.top_n is None:
        return _at_threshold(scores, DEFAULT_THRESHOLD if settings.threshold is None else settings.threshold)
    values, digests, candidates = array("d"), array("Q"), 0
    for record_id, score in scores:
        candidates += 1
        if score is not None and math.isfinite(score):
            values.append(score)
            digests.append(tie_digest(record_id))
    if settings.top_n is not None:
        count, rule = settings.top_n, f"curate.select.top_n {settings.top_n}"
    else:
        share = settings.top_share or 0.0
        # 0.29 * 100 is 28.999999999999996.
        count, rule = max(1, math.floor(share * candidates + 1e-9)), f"curate.select.top_share {share:g}"
    score_array = np.frombuffer(values) if values else np.empty(0)
    ties = np.frombuffer(digests, dtype=np.uint64) if digests else np.empty(0, dtype=np.uint64)
    return _at_rank(score_array, ties, candidates, count, rule)


def _at_threshold(scores: Iterable[tuple[str, float | None]], threshold: float) -> Cutoff:
    candidates = scored = reached = 0
    best: float | None = None
    for _, score in scores:
        candidates += 1
        if score is None or not math.isfinite(score):
            continue
        scored += 1
        reached += score >= threshold
        best = score if best is None else max(best, score)
    rule = f"curate.select.threshold {threshold:g}"
    return Cutoff(threshold, _LAST_TIE, candidates, scored, reached, best, rule)


def _at_rank(
    scores: np.ndarray[tuple[int], np.dtype[np.float64]],
    digests: np.ndarray[tuple[int], np.dtype[np.uint64]],
    candidates: int,
    count: int,
    rule: str,
) -> Cutoff:
    if not len(scores):
        return Cutoff(math.inf, _LAST_TIE, candidates, 0, 0, None, rule)
    selected = min(count, len(scores))
    # The score of the last one that is kept, without sorting all; then the same for the digests of those tied with it.
    line = float(np.partition(scores, len(scores) - selected)[len(scores) - selected])
    wanted_ties = selected - int(np.count_nonzero(scores > line))
    tie = int(np.partition(digests[scores == line], wanted_ties - 1)[wanted_ties - 1])
    return Cutoff(line, tie, candidates, len(scores), selected, float(scores.max()), rule)


def curate(
    candidates: Sequence[Candidate],
    ratings: Iterable[Rating],
    line: Cutoff,
    rulings: Mapping[str, Ruling] = MappingProxyType({}),
) -> Outcome[Curated]:
    """Keeps the candidates of one shard that are above the line, unless people decided otherwise.

    Args:
        candidates: One shard.
        ratings: Their ratings, in any order, joined by id; others are ignored.
        line: The cutoff of the iteration.
        rulings: What people decided, by id. Approved candidates are kept, rejected ones dropped, mended texts taken.
    """
    by_id = {rating.id: rating for rating in ratings}
    curated: list[Curated] = []
    dropped: list[Dropped] = []
    for candidate in candidates:
        rating, ruling = by_id.get(candidate.id), rulings.get(candidate.id)
        if ruling is not None:
            candidate = ruling.applied(candidate)
        if ruling is not None and ruling.verdict == "reject":
            excerpt = candidate.instruction[:_EXCERPT]
            dropped.append(Dropped(candidate.id, REJECTED, f"by {ruling.by}", candidate.source, excerpt))
        elif rating is not None and rating.score is not None and line.keeps(candidate.id, rating.score):
            curated.append(_curated(candidate, rating, rating.score))
        elif rating is not None and ruling is not None and ruling.verdict == "approve":
            curated.append(replace(_curated(candidate, rating, rating.score or 0.0), scorer=PEOPLE, rated_by=ruling.by))
        else:
            dropped.append(_dropped(candidate, rating, line))
    return Outcome(tuple(curated), tuple(dropped), len(candidates))


def decided_since(
    rows: Sequence[Curated], candidates: Sequence[Candidate], ratings: Iterable[Rating], rulings: Mapping[str, Ruling]
) -> list[Curated]:
    """A curated shard as it is with what people decided after it was made.

    Args:
        rows: The shard.
        candidates: The candidates that it was selected from.
        ratings: Their ratings.
        rulings: What people decided.
    """
    by_id = {row.id: row for row in rows}
    approved = {id_ for id_, ruling in rulings.items() if ruling.verdict == "approve"}
    candidates = [item for item in candidates if item.id in by_id or item.id in approved]
    outcome = curate(candidates, ratings, Cutoff(-math.inf, _LAST_TIE, 0, 0, 0, None, ""), rulings)
    kept_rows = {row.id: row for row in outcome.kept}
    return [
        replace(by_id.get(id_) or replace(row, scorer=PEOPLE), instruction=row.instruction, response=row.response)
        for id_, row in kept_rows.items()
        if id_ in approved or by_id[id_].scorer != PEOPLE
    ]


def explain_empty(line: Cutoff, states: Mapping[RatingState, int] | Iterable[RatingState]) -> StageError:
    """Says in one line why an iteration kept nothing, and what to do about it.

    Args:
        line: The cutoff that nothing reached.
        states: The state of every rating, or how many there are of each.
    """
    counts = Counter(states)
    unrated = ", ".join(f"{state} {counts[state]}" for state in ("unparsed", "truncated") if counts[state])
    if line.candidates == 0:
        return StageError("there were no candidates to rate", "look at what the stage 'candidates' dropped")
    if line.best is None:
        return StageError(
            f"none of {line.candidates} candidates got a score ({unrated or 'no ratings'})",
            "set curate.scorer to expected-rating, which is never unparsed, or raise curate.max_new_tokens",
        )
    best = f"the best of {line.candidates} scored {line.best:.4g}" + (f" ({unrated})" if unrated else "")
    return StageError(
        f"no candidate reached {line.score:.4g}: {best}",
        "lower curate.select.threshold, or use curate.select.top_share",
    )


def tie_digest(record_id: str) -> int:
    """What decides between equal scores: 64 bits of the id, the lower ones first."""
    data = record_id.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big")


def _curated(candidate: Candidate, rating: Rating, score: float) -> Curated:
    return Curated(
        id=candidate.id,
        segment_id=candidate.segment_id,
        document_id=candidate.document_id,
        source=candidate.source,
        title_path=candidate.title_path,
        instruction=candidate.instruction,
        response=candidate.response,
        model=candidate.model,
        score=score,
        iteration=rating.iteration,
        scorer=rating.scorer,
        rated_by=rating.model,
    )


def _dropped(candidate: Candidate, rating: Rating | None, line: Cutoff) -> Dropped:
    excerpt = candidate.instruction[:_EXCERPT]
    if rating is None:
        return Dropped(candidate.id, "unrated: missing", "no rating with this id", candidate.source, excerpt)
    if rating.state == "skipped":
        return Dropped(candidate.id, "not rated: out of the cascade's reach", rating.reply, candidate.source, excerpt)
    if rating.score is None:
        end = rating.reply[-_EXCERPT:] or (ALONE if rating.reasoning else "")
        return Dropped(candidate.id, f"unrated: {rating.state}", f"the reply ends: {end}", candidate.source, excerpt)
    if why := line.passed_over.get(tie_digest(candidate.id)):
        return Dropped(candidate.id, why.reason, why.detail, candidate.source, excerpt)
    detail = f"score {rating.score:.4g}, cutoff {line.score:.4g} ({line.rule})"
    if signs := low_signs(rating):
        detail += f": {', '.join(in_words(name) for name, _ in signs)}"
    return Dropped(candidate.id, BELOW, detail, candidate.source, excerpt)
