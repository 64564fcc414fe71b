"""From seed answers and other texts a direction, and by it the likeness of each text of a shard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from humpback.config import ChooseSettings
from humpback.engines.base import Engine
from humpback.errors import StageError
from humpback.likeness.clusters import fit_centroids, nearest_centroids
from humpback.likeness.direction import Direction, Vectors, fit_direction, fit_vector_scores, held_back_scores
from humpback.likeness.vectors import read_vectors
from humpback.likeness.words import fit_word_odds, fit_word_scores, word_buckets, word_scores
from humpback.records import Likeness, Outcome, SeedDirection, Segment, Usage

FEWEST = 10
"""Seed answers, and other texts, that a direction needs at least: two for each fold."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """A text that was drawn."""

    id: str
    text: str


def find_directions(
    answers: Sequence[Sampled],
    passages: Sequence[Sampled],
    settings: ChooseSettings,
    engine: Engine | None,
    rng_seed: int,
) -> Outcome[SeedDirection]:
    """The directions that `corpus.choose` asks for: by hidden states, by words, or both.

    Args:
        answers: Responses of the seed, in random order.
        passages: Segments of the corpus, in random order.
        settings: How many tokens; whether words decide what the model reads; how many groups.
        engine: The base model; None where words alone decide.
        rng_seed: Of the groups.

    Raises:
        StageError: There are too few texts of a side.
    """
    by_words = [_by_words(answers, passages, settings.words_share)] if not engine or settings.words_share < 1 else []
    if engine is None:
        return Outcome(tuple(by_words), (), len(by_words))
    hidden = by_hidden_states(answers, passages, engine, settings.tokens, settings.clusters, rng_seed)
    return Outcome((*hidden.kept, *by_words), (), 1 + len(by_words), hidden.usage)


def by_hidden_states(
    answers: Sequence[Sampled],
    passages: Sequence[Sampled],
    engine: Engine,
    tokens: int,
    clusters: int = 0,
    rng_seed: int = 0,
) -> Outcome[SeedDirection]:
    """The direction from other texts to the answers among a model's hidden states.

    Args:
        answers: Responses of the seed, in random order.
        passages: What they are to be told from, in random order.
        engine: The model.
        tokens: How many tokens at the beginning of each text are read.
        clusters: Groups of like texts to find among the others.
        rng_seed: Of the groups.

    Raises:
        StageError: There are too few texts of a side.
    """
    readings = [read_vectors([item.text for item in texts], engine, tokens) for texts in (answers, passages)]
    from_answers, from_passages = (reading.vectors for reading in readings)
    _check_enough(len(from_answers), len(from_passages))
    direction = fit_direction(from_answers, from_passages)
    held_back = held_back_scores(list(from_answers), list(from_passages), fit_vector_scores)
    centroids = fit_centroids(direction.standardised(from_passages), clusters, rng_seed) if clusters else np.empty(0)
    record = SeedDirection(
        "hidden",
        held_back.auroc,
        len(from_answers),
        tuple(passages[index].id for index in readings[1].indices.tolist()),
        tuple(held_back.passages.tolist()),
        tuple(direction.centre.tolist()),
        tuple(direction.scale.tolist()),
        tuple(direction.weights.tolist()),
        direction.offset,
        tuple(centroids.ravel().tolist()),
    )
    return Outcome((record,), (), 1, sum((reading.usage for reading in readings), Usage()))


def _by_words(answers: Sequence[Sampled], passages: Sequence[Sampled], share: float) -> SeedDirection:
    _check_enough(len(answers), len(passages))
    of_answers, of_passages = (word_buckets([item.text for item in texts]) for texts in (answers, passages))
    held_back = held_back_scores(of_answers, of_passages, fit_word_scores)
    return SeedDirection(
        "words",
        held_back.auroc,
        len(answers),
        tuple(passage.id for passage in passages),
        tuple(held_back.passages.tolist()),
        word_odds=tuple(fit_word_odds(of_answers, of_passages).tolist()),
        cutoff=float(np.quantile(held_back.passages, 1 - share)) if share < 1 else None,
    )


def _check_enough(answers: int, passages: int) -> None:
    if min(answers, passages) < FEWEST:
        raise StageError(
            f"{answers} seed answers and {passages} other texts can be read, and {FEWEST} of each are needed",
            "give more seed pairs or documents, or do not ask for likeness to the seed",
        )


def stored_direction(record: SeedDirection) -> Direction:
    """The direction among hidden states that a record holds."""
    centre, scale, weights = (np.array(values) for values in (record.centre, record.scale, record.weights))
    return Direction(centre, scale, weights, record.offset)


class HiddenLikeness:
    """Scores and groups of texts by a model's hidden states.

    Args:
        record: The direction.
        engine: The model.
        tokens: How many tokens at the beginning of each text it reads.
    """

    def __init__(self, record: SeedDirection, engine: Engine, tokens: int) -> None:
        self._direction = stored_direction(record)
        self._centroids: Vectors = np.array(record.centroids).reshape(-1, len(record.centre))
        self._seen = dict(zip(record.seen_ids, record.seen_scores, strict=True))
        self._engine = engine
        self._tokens = tokens

    def measure(self, texts: Sequence[Sampled]) -> Outcome[Likeness]:
        """The likeness of each text, in order; without a score where the model cannot read it."""
        reading = read_vectors([item.text for item in texts], self._engine, self._tokens)
        measured = [Likeness(item.id, None, -1) for item in texts]
        if len(reading.indices):
            scores, clusters = self._direction.scores(reading.vectors), self._clusters(reading.vectors)
            for index, score, cluster in zip(reading.indices.tolist(), scores.tolist(), clusters.tolist(), strict=True):
                id_ = texts[index].id
                measured[index] = Likeness(id_, self._seen.get(id_, score), cluster)
        return Outcome(tuple(measured), (), len(texts), reading.usage)

    def _clusters(self, vectors: Vectors) -> NDArray[np.int64]:
        if not len(self._centroids):
            return np.full(len(vectors), -1)
        return nearest_centroids(self._direction.standardised(vectors), self._centroids)


class WordLikeness:
    """Scores of texts by their words.

    Args:
        record: The direction.
    """

    def __init__(self, record: SeedDirection) -> None:
        self._odds = np.array(record.word_odds)
        self._seen = dict(zip(record.seen_ids, record.seen_scores, strict=True))
        self._cutoff = -np.inf if record.cutoff is None else record.cutoff

    def scores(self, texts: Sequence[Sampled]) -> list[float]:
        """The score of each text."""
        scores = word_scores(word_buckets([item.text for item in texts]), self._odds).tolist()
        return [self._seen.get(item.id, score) for item, score in zip(texts, scores, strict=True)]

    def worth_reading(self, texts: Sequence[Sampled]) -> list[Sampled]:
        """The texts that the model reads."""
        return [item for item, score in zip(texts, self.scores(texts), strict=True) if score >= self._cutoff]


class LikenessMeter:
    """Says of segments how much they are like the seed's answers.

    Args:
        records: The directions by hidden states, by words, or both: then words decide what the model reads.
        tokens: How many tokens at the beginning of each text the model reads.
        engine: The model; None where words alone decide.
    """

    def __init__(self, records: Sequence[SeedDirection], tokens: int, engine: Engine | None) -> None:
        by_id = {record.id: record for record in records}
        self._words = WordLikeness(by_id["words"]) if "words" in by_id else None
        self._hidden = HiddenLikeness(by_id["hidden"], engine, tokens) if engine else None

    def measure(self, segments: Sequence[Segment]) -> Outcome[Likeness]:
        """The likeness of each segment of a shard, in order."""
        texts = [Sampled(segment.id, segment.text) for segment in segments]
        if self._hidden is None:
            assert self._words is not None
            scores = zip(texts, self._words.scores(texts), strict=True)
            return Outcome(tuple(Likeness(item.id, score, -1) for item, score in scores), (), len(segments))
        read = self._hidden.measure(self._words.worth_reading(texts) if self._words else texts)
        by_id = {likeness.id: likeness for likeness in read.kept}
        measured = (by_id.get(item.id, Likeness(item.id, None, -1)) for item in texts)
        return Outcome(tuple(measured), (), len(segments), read.usage)
