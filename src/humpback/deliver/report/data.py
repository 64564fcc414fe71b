"""What a report shows, as plain values: filled by the functions of this room or by hand, and rendered by `render`.

Lengths are in characters, losses in nats per target token, times in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from humpback.curate.separation import Separation
from humpback.deliver.facts import LossSummary, StageFacts
from humpback.records import RatingState


@dataclass(frozen=True, slots=True)
class RunFacts:
    """Which run this is, on what and with what."""

    name: str
    date: str
    version: str
    """Version of humpback."""
    base_model: str
    """Name of the base model, as the settings give it; empty where nothing is trained."""
    base_identity: str
    """Content identity or revision of its files."""
    base_licence: str
    machine: str
    """One line: processor, memory, accelerator."""
    seconds: float
    """Of all stages together."""
    roles: tuple[tuple[str, str], ...] = ()
    """What models did, and their names: the base that was trained, and those that the settings name for a role."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts between edges: `counts[i]` values lie in [edges[i], edges[i + 1]); the outermost bins take the rest."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Distribution:
    """A sample in a few numbers. All are 0 where the sample is empty."""

    n: int
    mean: float
    standard_deviation: float
    """Of the population: divided by n."""
    minimum: float
    maximum: float
    histogram: Histogram


@dataclass(frozen=True, slots=True)
class LengthSummary:
    """Lengths of one set of pairs: a row of the paper's table 1."""

    name: str
    """Such as 'seed', 'candidates', 'curated-2'."""
    instruction: Distribution
    response: Distribution


@dataclass(frozen=True, slots=True)
class RatingSummary:
    """What one iteration's ratings look like."""

    iteration: int
    scorer: str
    model: str
    """Stage name or identity of the model that rated."""
    states: Mapping[RatingState, int]
    """How many ratings are in each state; one that no rating is in may be missing."""
    distribution: Distribution
    """Of the scores."""
    kept: int
    """Candidates that the iteration kept."""
    threshold: float | None = None
    """Lowest score kept, where the cut is a score."""
    separation: Separation | None = None
    checked_kept: int = 0
    """Of those 'checked', the candidates that were kept."""
    learned: str = ""
    """What the scorer learned from decisions of people, in words; empty where it learned nothing."""

    @property
    def skipped(self) -> int:
        """Candidates that the cascade left out."""
        return self.states.get("skipped", 0)

    @property
    def checked(self) -> int:
        """Candidates that were rated although the cascade would have left them out."""
        return self.states.get("checked", 0)

    @property
    def asked(self) -> int:
        """Candidates that the scorer was asked about."""
        return self.total - self.skipped

    @property
    def asked_again(self) -> int:
        """Ratings whose reply had no score, so that the grade was read behind it."""
        return self.states.get("asked-again", 0)

    @property
    def total(self) -> int:
        """Ratings in any state."""
        return sum(self.states.values())

    @property
    def scored(self) -> int:
        """Ratings with a score, however they came by it."""
        return self.distribution.n


@dataclass(frozen=True, slots=True)
class DirectionSummary:
    """How well the direction that segments were chosen by finds answers that it was not made from."""

    by: str
    """'hidden' or 'words'."""
    transfer: float
    """AUROC of held-back seed answers above held-back segments: .5 is chance."""
    answers: int
    """Seed answers that it was made from."""
    segments: int
    """Segments that it was made from."""


@dataclass(frozen=True, slots=True)
class Movement:
    """How scores moved from one iteration to a later one, over the candidates that both scored."""

    first: int
    second: int
    edges: tuple[float, ...]
    """Of the score bins, the same in both directions."""
    counts: tuple[tuple[int, ...], ...]
    """`counts[i][j]`: candidates in bin i of the first and bin j of the second iteration."""
    pairs: int
    """Candidates scored by both."""
    correlation: float | None
    """Spearman's rank correlation; None where it is not defined."""
    mean_change: float
    kept_first: int
    kept_second: int
    kept_both: int


@dataclass(frozen=True, slots=True)
class TrainingCurve:
    """One training, step by step. The three tuples are of one length."""

    model: str
    steps: tuple[int, ...]
    losses: tuple[float, ...]
    learning_rates: tuple[float, ...]
    pairs: int = 0
    """Pairs trained on; 0 where not known."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One pair to look at, kept or dropped."""

    kept: bool
    stage: str
    """The stage that kept or dropped it."""
    reason: str
    """Why it was dropped, or what it was kept for."""
    instruction: str
    response: str
    source: str
    title_path: tuple[str, ...] = ()
    score: float | None = None
    detail: str = ""
    """What was seen, such as the rater's reply."""
    id: str = ""
    """Of the record, by which `humpback view` finds it."""


@dataclass(frozen=True, slots=True)
class Unread:
    """Documents that could not be read, or were passed over, for one reason."""

    reason: str
    count: int
    names: tuple[str, ...] = ()
    """Of some of them."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """How far a run is that is not finished."""

    finished: int
    """Stages."""
    stages: tuple[str, ...]
    """Those still to do, in the order of the work."""
    shards: int = 0
    """Committed shards of the first of them."""
    error: str = ""
    """What the first of them failed with; empty where it did not."""


@dataclass(frozen=True, slots=True)
class ReportData:
    """Everything on the page. What is empty is left out or said to be missing, never an error."""

    run: RunFacts
    segments: int
    """K: segments that went into self-augmentation."""
    candidates: int
    """M: candidates with a valid instruction."""
    curated: int
    """N: pairs that the last iteration kept."""
    stages: tuple[StageFacts, ...] = ()
    unfinished: Unfinished | None = None
    """None for a finished run."""
    path: tuple[str, ...] = ()
    """Stages that a text passes from its document to the curated set, finished or not: the steps of the funnel."""
    documents: int = 0
    """Documents that came in, those that could not be read among them; 0 where that is not known."""
    unread: tuple[Unread, ...] = ()
    directions: tuple[DirectionSummary, ...] = ()
    """What segments were chosen by, the one that decides first."""
    lengths: tuple[LengthSummary, ...] = ()
    ratings: tuple[RatingSummary, ...] = ()
    movements: tuple[Movement, ...] = ()
    losses: tuple[LossSummary, ...] = ()
    findings: tuple[str, ...] = ()
    """What rewriter and judge have come to, in words."""
    curves: tuple[TrainingCurve, ...] = ()
    samples: tuple[Sample, ...] = ()
    settings: str = ""
    """The resolved settings, as YAML."""
    notes: tuple[str, ...] = ()
    """Warnings of the run that belong at the top."""
    model_names: Mapping[str, str] = field(default_factory=dict)
    """How the page writes a model, by the name of its stage; a model that is not there keeps its name."""
    seed_model: str = ""
    """Stage of M_0, which was finetuned on the seed alone: what every later model is compared with."""

    def name_of(self, model: str) -> str:
        """How the page writes the model of a stage."""
        return self.model_names.get(model, model)
