"""Selection that does not take the same thing twice: the best of instructions that are alike, so many of a document.

The best-rated candidates are gone through one by one, as `Cutoff` ranks them, and one is passed over where a better one
that was taken is too much like it, or where its document has enough; so the next ones move up until as many are kept as
were asked for. What is kept depends on scores, texts and ids alone, not on shards or workers.

Only candidates that are within reach of being kept are held (the best, and twice as many each time that is too few), so
memory follows what is kept and not what there is.

Two instructions are compared by the Jaccard similarity of their words and pairs of words, exactly: two sets that are
similar to a part t have one element in common among the rarest (1 - t) of each (prefix filter: Chaudhuri et al. 2006),
so an index of the rarest elements finds all that can be alike.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from humpback.config import SelectSettings
from humpback.curate.select import Cutoff, PassedOver, cutoff, tie_digest
from humpback.shingles import words

Elements = NDArray[np.int64]
"""The words and pairs of words of one text as numbers, the rarest first."""


@dataclass(frozen=True, slots=True)
class Scored:
    """What selection looks at in a candidate."""

    id: str
    score: float | None
    instruction: str
    document: str
    """Empty where nobody knows it; then it counts for no document."""


def diverse_cutoff(candidates: Callable[[], Iterable[Scored]], settings: SelectSettings) -> Cutoff:
    """Draws the line for one iteration, and says which candidates above it are passed over.

    Args:
        candidates: Gives every candidate, each once, in any order; called again for each pass.
        settings: Threshold, share or number, with `max_similarity` or `per_document`.
    """
    first = cutoff(((one.id, one.score) for one in candidates()), settings)
    wanted, line = first.kept, first
    while True:
        if not _by_threshold(settings):
            reach = SelectSettings(top_n=max(1, 2 * line.kept))
            line = cutoff(((one.id, one.score) for one in candidates()), reach)
        within = [one for one in candidates() if line.keeps(one.id, one.score)]
        within.sort(key=lambda one: (-(one.score or 0.0), tie_digest(one.id)))
        chosen = _Choice(settings, within).take(wanted)
        if _by_threshold(settings) or len(chosen.kept) >= wanted or line.kept == line.scored:
            return _line(line, chosen, settings, first.rule)


def _by_threshold(settings: SelectSettings) -> bool:
    return settings.top_share is None and settings.top_n is None


@dataclass(frozen=True, slots=True)
class _Chosen:
    kept: list[Scored]
    passed_over: dict[int, PassedOver]


class _Choice:
    """Goes through candidates from the best on."""

    def __init__(self, settings: SelectSettings, ranked: Sequence[Scored]) -> None:
        self._ranked = ranked
        self._most = settings.per_document or math.inf
        self._similar = settings.max_similarity
        self._elements = [] if self._similar is None else _elements([one.instruction for one in ranked])
        self._index: dict[int, list[int]] = {}
        """For each element, the candidates taken that have it among their rarest."""

    def take(self, wanted: int) -> _Chosen:
        """So many of them, or as many as there are."""
        chosen = _Chosen([], {})
        documents: Counter[str] = Counter()
        for place, one in enumerate(self._ranked):
            if len(chosen.kept) >= wanted:
                break
            like = self._like(place)
            if like is not None:
                better, similarity = self._ranked[like[0]], like[1]
                why = PassedOver("near-identical instruction", f"{similarity:.0%} like that of {better.id}")
            elif one.document and documents[one.document] >= self._most:
                why = PassedOver("enough of its document", f"the {self._most} best-rated of {one.document} are kept")
            else:
                documents[one.document] += 1
                self._remember(place)
                chosen.kept.append(one)
                continue
            chosen.passed_over[tie_digest(one.id)] = why
        return chosen

    def _like(self, place: int) -> tuple[int, float] | None:
        """The best-rated candidate taken that is too much like this one."""
        if self._similar is None:
            return None
        own = self._elements[place]
        near = {other for element in self._rarest(own) for other in self._index.get(element, ())}
        for other in sorted(near):
            theirs = self._elements[other]
            common = len(np.intersect1d(own, theirs, assume_unique=True))
            similarity = common / (len(own) + len(theirs) - common)
            if similarity >= self._similar:
                return other, similarity
        return None

    def _remember(self, place: int) -> None:
        if self._similar is not None:
            for element in self._rarest(self._elements[place]):
                self._index.setdefault(element, []).append(place)

    def _rarest(self, elements: Elements) -> list[int]:
        least = math.ceil((self._similar or 0.0) * len(elements) - 1e-9)  # .7 * 10 is 7.000000000000001
        return elements[: len(elements) - least + 1].tolist() if len(elements) else []


def _elements(texts: Sequence[str]) -> list[Elements]:
    """The words and pairs of words of each text, numbered by how rare they are among all."""
    singles = words(texts)
    pairs = singles.ngrams(2)
    sets = [np.unique(np.concatenate((singles.of(text), pairs.of(text)))) for text in range(len(texts))]
    everything = np.concatenate(sets) if sets else np.empty(0, np.uint64)
    values, counts = np.unique(everything, return_counts=True)
    rarity = np.empty(len(values), np.int64)
    rarity[np.lexsort((values, counts))] = np.arange(len(values))
    return [np.sort(rarity[np.searchsorted(values, one)]) for one in sets]


def _line(line: Cutoff, chosen: _Chosen, settings: SelectSettings, rule: str) -> Cutoff:
    """The line behind the last that was taken."""
    if settings.max_similarity is not None:
        rule += f", no two instructions alike to {settings.max_similarity:.0%}"
    if settings.per_document:
        rule += f", at most {settings.per_document} of a document"
    line = replace(line, kept=len(chosen.kept), rule=rule, passed_over=chosen.passed_over)
    if chosen.kept and not _by_threshold(settings):
        last = chosen.kept[-1]
        line = replace(line, score=last.score or 0.0, tie=tie_digest(last.id))
    return line
