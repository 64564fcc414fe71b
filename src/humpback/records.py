"""The records that stages hand to one another.

Everything here is a frozen value made of strings, bytes, numbers and tuples of them, so that a record can be written to
Parquet and read back as it was. Lengths are in characters, log-probabilities in nats. Imports nothing of ours.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

Direction = Literal["forward", "backward"]
"""forward: instruction -> response (M_0, M_1, ...). backward: response -> instruction (M_yx)."""

Origin = Literal["seed", "augmented"]
"""Where a pair comes from; decides its tag: S_a for seed, S_w for augmented data (paper, section 2.1)."""

DocumentFormat = Literal["html", "markdown", "rst", "text"]
RatingState = Literal["scored", "asked-again", "checked", "skipped", "unparsed", "truncated"]
"""scored: the rater gave a score. asked-again: its reply had none, and the grade was then read as a distribution.
checked: scored although the cascade would have left it out, a sample that shows what the cascade costs.
Three have no score. skipped: left out by the cascade. unparsed: the reply states none, or the engine gave no answer.
truncated: the reply ends before it."""

PromptName = Literal[
    "backward", "forward", "rating", "expected-rating", "yes-no", "additive", "follow-up", "judge", "rewrite"
]
"""The prompts, each a text file in `humpback.prompts`."""

FinishReason = Literal["stop", "length", "error"]

Kept = TypeVar("Kept", covariant=True)


def content_id(*parts: str) -> str:
    """The identity of a record: 32 hex digits from its content alone, so that it is the same in every run."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()


def record_rng_seed(seed: int, stage: str, record_id: str) -> int:
    """A 63-bit random seed for one record of one stage, independent of batches, workers and order."""
    return int(content_id(str(seed), stage, record_id)[:16], 16) >> 1


@dataclass(frozen=True, slots=True)
class Document:
    """One document of the unlabelled corpus, decoded but not yet parsed."""

    id: str
    source: str
    """Path or URL, followed by `#row` where the file is a table."""
    format: DocumentFormat
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A self-contained part of a document that could be a good answer: y in the paper."""

    id: str
    document_id: str
    source: str
    title_path: tuple[str, ...]
    """Titles from the document down to the segment's own header."""
    text: str
    language: str


@dataclass(frozen=True, slots=True)
class SeedDirection:
    """Where the seed's answers lie, seen from other texts, by hidden states or by words; the other is empty.

    A probe is such a direction too: there the answers are texts that ship.
    """

    id: str
    """'hidden', 'words' or 'probe'."""
    transfer: float
    """AUROC of held-back seed answers above held-back other texts, in five folds: .5 is chance."""
    answers: int
    """Seed answers that it was made from."""
    seen_ids: tuple[str, ...]
    """The other texts that it was made from."""
    seen_scores: tuple[float, ...]
    """The score of each, by a fit that has not seen it: the direction itself would find it less like an answer."""
    centre: tuple[float, ...] = ()
    """Mean of each dimension of the hidden states."""
    scale: tuple[float, ...] = ()
    """Standard deviation of each dimension."""
    weights: tuple[float, ...] = ()
    offset: float = 0.0
    centroids: tuple[float, ...] = ()
    """The middle of each group of like texts, standardised, one behind the other."""
    word_odds: tuple[float, ...] = ()
    """For each bucket of words, the log-odds that speak for an answer."""
    cutoff: float | None = None
    """The score by words from which the model reads a text; None where nothing is left out."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """How much one text is like the seed's answers."""

    id: str
    """The segment's id."""
    score: float | None
    """By hidden states 0 for the mean of the corpus and 1 for that of the answers, by words the mean log-odds of a
    word; None where the model did not read it."""
    cluster: int
    """Number of its group of like texts; -1 where there are none."""


@dataclass(frozen=True, slots=True)
class VectorGroups:
    """How the hidden states of segments are standardised, and where groups of like ones lie."""

    centre: tuple[float, ...]
    """Mean of each dimension, over a sample."""
    scale: tuple[float, ...]
    """Standard deviation of each dimension."""
    centroids: bytes
    """The middle of each group as a packed vector (`likeness.packed`), one behind the other."""


@dataclass(frozen=True, slots=True)
class SegmentVector:
    """What the base model makes of the beginning of one segment."""

    id: str
    """The segment's id."""
    cluster: int
    """Number of its group of like segments; -1 where the model could not read it."""
    vector: bytes
    """Its standardised hidden states, a byte for each dimension; empty where the model could not read it."""


@dataclass(frozen=True, slots=True)
class Pair:
    """An instruction x with its response y, to be trained on."""

    id: str
    instruction: str
    response: str
    origin: Origin
    source: str
    system: str = ""
    """What the instruction begins with, up to a blank line, and M_t reads as the turn of the system."""
    later: tuple[str, ...] = ()
    """The turns behind the response, the user's first: M_t alone learns from them."""
    unlearnt: tuple[int, ...] = ()
    """Answers that M_t reads and does not learn, counted from the response, which is 0."""
    stands_alone: bool = True
    """Whether the response is good by itself: else nothing but M_t learns from the pair."""


@dataclass(frozen=True, slots=True)
class AugmentedPair:
    """A segment y as the response to an instruction x that the backward model wrote for it (self-augmentation)."""

    id: str
    segment_id: str
    document_id: str
    source: str
    title_path: tuple[str, ...]
    instruction: str
    response: str
    model: str
    """Identity of the backward model."""


@dataclass(frozen=True, slots=True)
class Candidate(AugmentedPair):
    """A pair that is to be rated."""

    log_probability: float
    """Mean log-probability of a token of the instruction under the backward model, as sampled."""
    gain: float | None = None
    """Nats by which the response makes a token of the instruction likelier under M_yx; None where nobody looked."""
    instruction_reasoning: str = ""
    """What the backward model thought first, where it marks that; never trained on."""


@dataclass(frozen=True, slots=True)
class Rating:
    """What one model says of one candidate. A rating never changes the candidate."""

    id: str
    """The candidate's id."""
    iteration: int
    scorer: str
    model: str
    """Identity of the model that rated: M_{t-1} in iteration t."""
    state: RatingState
    score: float | None
    """1 to 5 (other scales: docs/curation.md); None where `state` is skipped, unparsed or truncated."""
    reply: str
    finish_reason: FinishReason
    reasoning: str = ""
    """What the rater thought first, where it marks that; no score is read from it."""


@dataclass(frozen=True, slots=True)
class SignScale:
    """Where one sign lies on good pairs, for the scorer `calibrated`; what holds for all signs stands in each."""

    id: str
    """Name of the sign."""
    centre: float
    """Its median on good pairs."""
    scale: float
    """How far it lies below the median on them."""
    offset: float
    """Log-odds that a pair without any suspicion is good."""
    slope: float
    """By how much they fall with the logarithm of the suspicion."""
    auroc: float
    """AUROC of good pairs over faulty ones in the calibration itself: .5 is chance."""
    good: int
    """Good pairs read."""
    faulty: int
    """Pairs with a planted fault read."""
    weight: float = 0.0
    """What one standard distance of the sign adds to the log-odds, by labels of people."""
    labels: int = 0
    """Labelled pairs that offset, slope and weight were learned from."""
    learned: tuple[float, ...] = ()
    """AUROC on labels that the fit had not seen, and its 95 % interval; empty without labels."""
    unlearned: tuple[float, ...] = ()
    """The same of the calibration that knew none of them."""


@dataclass(frozen=True, slots=True)
class Curated(AugmentedPair):
    """A candidate that an iteration kept, with the rating it was kept for."""

    score: float
    iteration: int
    scorer: str
    rated_by: str


@dataclass(frozen=True, slots=True)
class Rewritten(Curated):
    """A curated pair whose response was rewritten; where that could not be taken, with its own response."""

    original: str
    """The response as it was rated."""
    rewritten_by: str = ""
    """Identity of the model that wrote the response; empty where it is the original."""
    fault: str = ""
    """Why the rewrite was not taken, in words; empty where it was."""
    reply: str = ""
    """What the model wrote, or why it wrote nothing."""
    reasoning: str = ""
    """What it thought first, where it marks that."""


@dataclass(frozen=True, slots=True)
class HeldOutLoss:
    """How one model predicts one held-out human pair."""

    id: str
    """The pair's id."""
    model: str
    """Stage name of the model, or 'base'."""
    direction: Direction
    nats: float
    """Negative log-likelihood of the target, summed over its tokens."""
    tokens: int
    """Target tokens, the end of the turn included."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A record that a stage did not pass on, and why: the drop ledger."""

    id: str
    reason: str
    """A short fixed phrase that can be counted, such as 'too short'."""
    detail: str
    """What was seen, such as '412 characters'."""
    source: str
    excerpt: str
    """The beginning of the text, or the failed generation."""
    chars: int = 0
    """Characters of a piece of a document, or of a segment; 0 for anything else."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens read and written, for the manifest."""

    read: int = 0
    written: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.read + other.read, self.written + other.written)


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Kept]):
    """What a stage made of one shard: every record that came in is either kept or dropped with a reason."""

    kept: tuple[Kept, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    read: int = 0
    """Records that came in."""
    usage: Usage = field(default_factory=Usage)
    position: tuple[int, int] = (0, 0)
    """Of segments: how many documents of its part are in this shard and the ones before it, and how many records of the
    next document. Work that was stopped goes on from there."""
