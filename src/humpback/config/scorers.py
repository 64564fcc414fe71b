"""The table of scorers: one entry for each, with all that other code must know before a scorer is made.

How a scorer is made is a second table with the same keys, `humpback.curate.scorers.MAKERS`, for it imports engines and
prompts, and settings must be read without them. A contract test holds the two tables and the types below equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from humpback.records import PromptName

SingleScorer = Literal[
    "rating", "expected-rating", "calibrated", "yes-no", "additive", "ifd", "gain", "relative-gain",
    "backward-gain", "end-of-sequence", "answer-likelihood", "opening-likelihood", "cycle", "seed-likeness",
    "answer-probe", "stored-gain", "stored-likelihood", "stored-relative-gain", "length", "random",
]  # fmt: skip
"""What may be a member of an ensemble, or the cheap scorer of a cascade."""
ScorerName = Literal["auto", SingleScorer, "ensemble", "two-questions"]

Need = Literal["calibration", "direction", "probe", "stored", "members"]
"""calibration: `humpback.curate.calibration` has read the seed with the same model. direction: the same model has read
the seed and a sample of the candidates (`humpback.likeness`). probe: it has read the texts that ship
(`humpback.curate.answer_probe`). stored: augmentation kept it.
members: other scorers (`curate.ensemble`, `curate.questions`) have rated all candidates."""


@dataclass(frozen=True, slots=True)
class ScorerSpec:
    """What is known of a scorer before it is made."""

    name: ScorerName
    does: str
    """One line for people."""
    scale: tuple[float, float] | None
    """Lowest and highest score; None where there is no bound."""
    step: float
    """Two scores that round to the same multiple of this count as equal when the report asks whether it separates."""
    spread: float
    """Least standard deviation of scores that separate."""
    settings: tuple[str, ...]
    """Settings, or groups of them, that decide its scores. They go into the recipe of its stage."""
    prompts: tuple[PromptName, ...] = ()
    """Prompts whose texts decide its scores. They go into the recipe too."""
    asks_model: bool = True
    """Whether an engine is opened for it."""
    embeds: bool = False
    """Whether it asks the engine for hidden states."""
    reads_spans: bool = False
    """Whether it asks how likely a text is that stands in the conversation, which no server says."""
    shares_readings: bool = False
    """Whether it takes what another such scorer has read of a pair, in place of asking again."""
    needs: Need | None = None
    """What must be there before it can score."""
    by_chance: bool = False
    """Whether its scores are drawn. Each seed of an experiment then draws its own."""
    writes_grades: bool = False
    """Whether its scores are grades that the model writes, so that the best reach the paper's threshold. The mean of a
    distribution or a probability seldom does: a share or a number is asked for, unless a threshold is given."""

    is_probability: bool = False
    """Whether its scores, from the lowest to the highest of the scale, are probabilities that a pair is good."""

    @property
    def takes_threshold(self) -> bool:
        """Whether `curate.select.threshold`, which is a grade of the paper's scale, fits its scores."""
        return self.scale is not None and self.scale[1] == GRADES[1]


GRADES = (1.0, 5.0)
"""The paper's scale."""
DEFAULT_THRESHOLD = 4.5
"""The paper's A_5: what is kept where no other rule is given."""
_POINTS = (0.0, 5.0)
_SHARES = (0.0, 1.0)

_MODEL = ("curate.scorer", "model.max_tokens", "model.engine")
_TAGGED = (*_MODEL, "tags")
_WRITTEN = (*_MODEL, "run.seed", "curate.temperature", "curate.top_p", "curate.max_new_tokens", "curate.ask_again",
            "curate.samples")  # fmt: skip
_UNASKED = ("curate.scorer", "run.seed")
_BOTH: tuple[PromptName, ...] = ("forward", "backward")

_SPECS = (
    ScorerSpec("rating", "the model reasons and writes a grade, as in the paper",
               GRADES, 0.5, 0.15, _WRITTEN, ("rating",), writes_grades=True),
    ScorerSpec("expected-rating", "the mean of the distribution over the grades 1 to 5; never unparsed",
               GRADES, 0.01, 0.05, _MODEL, ("expected-rating",)),
    ScorerSpec("calibrated", "how likely the model finds the pair, compared with the seed's own pairs; never unparsed",
               GRADES, 0.01, 0.05, _TAGGED, _BOTH, needs="calibration", is_probability=True, reads_spans=True),
    ScorerSpec("yes-no", "the probability of 'Yes' to the question whether the response is good",
               GRADES, 0.01, 0.05, _MODEL, ("yes-no",), is_probability=True),
    ScorerSpec("additive", "the probabilities of 'Yes' to five criteria, added up",
               _POINTS, 0.01, 0.05, _MODEL, ("additive",), reads_spans=True),
    # A ratio of two mean losses, so good and bad pairs lie within a few hundredths.
    ScorerSpec("ifd", "the loss of the response with the instruction, divided by the loss without it",
               None, 0.01, 0.01, _TAGGED, ("forward",), reads_spans=True, shares_readings=True),
    ScorerSpec("gain", "by how much the instruction makes the response likelier",
               None, 0.01, 0.05, _TAGGED, ("forward",), reads_spans=True, shares_readings=True),
    ScorerSpec("relative-gain", "the part of the loss of the response that the instruction takes away",
               None, 0.01, 0.01, _TAGGED, ("forward",), reads_spans=True, shares_readings=True),
    ScorerSpec("backward-gain", "by how much the response makes the instruction likelier",
               None, 0.01, 0.05, _TAGGED, _BOTH, reads_spans=True, shares_readings=True),
    ScorerSpec("end-of-sequence", "the log-probability that the answer ends where the response does",
               None, 0.01, 0.05, _TAGGED, _BOTH, shares_readings=True),
    ScorerSpec("answer-likelihood", "how likely the model finds the response as its answer, for a token",
               None, 0.01, 0.05, _TAGGED, ("forward",), reads_spans=True, shares_readings=True),
    ScorerSpec("opening-likelihood", "how likely the model finds the first words of the response as its answer",
               None, 0.01, 0.05, _TAGGED, ("forward",), reads_spans=True, shares_readings=True),
    ScorerSpec("cycle", "how much the model's own answer to the instruction is like the response",
               _SHARES, 0.01, 0.05, (*_TAGGED, "curate.max_new_tokens"), ("forward",)),
    # A score of 1 is the mean of the seed's pairs, 0 that of the candidates.
    ScorerSpec("seed-likeness", "how much the model's hidden states of the pair are like those of the seed's own pairs",
               None, 0.01, 0.05, _MODEL, needs="direction", embeds=True),
    ScorerSpec("answer-probe", "whether the model's hidden states of the response look like those of an answer",
               None, 0.01, 0.05, _MODEL, needs="probe", embeds=True),
    ScorerSpec("stored-gain", "the backward gain that augmentation kept; asks no model",
               None, 0.01, 0.05, _UNASKED, asks_model=False, needs="stored"),
    ScorerSpec("stored-likelihood", "how likely M_yx found the instruction that it wrote, for a token; asks no model",
               None, 0.01, 0.05, _UNASKED, asks_model=False, needs="stored"),
    ScorerSpec("stored-relative-gain", "the part of the instruction's loss that the response takes away; asks no model",
               None, 0.01, 0.05, _UNASKED, asks_model=False, needs="stored"),
    ScorerSpec("length", "the length of the response, which every other scorer has to beat; asks no model",
               None, 0.5, 0.15, _UNASKED, asks_model=False),
    ScorerSpec("random", "a draw from 1 to 5, which every other scorer has to beat; asks no model",
               GRADES, 0.5, 0.15, _UNASKED, asks_model=False, by_chance=True),
    ScorerSpec("ensemble", "the weighted mean rank by the scorers that `curate.ensemble` names",
               _SHARES, 0.01, 0.05, ("curate.scorer", "curate.ensemble"), asks_model=False, needs="members"),
    ScorerSpec("two-questions", "the lower of two ranks: does the instruction ask for the response, is that an answer",
               _SHARES, 0.01, 0.05, ("curate.scorer", "curate.questions"), asks_model=False, needs="members"),
)  # fmt: skip

SCORERS: Mapping[str, ScorerSpec] = MappingProxyType({spec.name: spec for spec in _SPECS})
"""The table, by the name that `curate.scorer` takes. 'auto' is not in it: it stands for one of these."""


def spec_of(name: str) -> ScorerSpec:
    """The entry of a scorer. A name that is not in the table, from a run of another version, is read as 'rating'."""
    return SCORERS.get(name, SCORERS["rating"])
