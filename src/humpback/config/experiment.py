"""An experiment: one set of shared settings, and a grid of ways to train that is compared on it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, JsonValue, field_validator

from humpback.config import Config, ModelSettings, ScorerName, SeedSettings
from humpback.config.base import Positive, Settings
from humpback.config.loop import WinRateSettings
from humpback.config.paths import FileName, OneOrMore, Source

Size = Positive | Literal["all"]

_CHANGEABLE = ("backward.", "augment.", "forward.", "tags.", "curate.", "corpus.choose.")
_BY_SIZE = ("curate.scorer", "curate.select.threshold", "curate.select.top_share", "curate.select.top_n")
_NAME = re.compile(r"[a-z0-9][a-z0-9_+-]*")


class ArmSettings(Settings):
    """One way to train, at each size and with each seed."""

    scorer: Literal["", ScorerName] = ""
    """What the candidates are ranked by, as in `curate.scorer`; the best are trained on. `random` and `length` are what
    others have to beat. Empty takes no candidates: the seed pairs alone."""
    sizes: tuple[Size, ...] = ()
    """How many of the best candidates; 'all' takes every one. Empty takes the experiment's sizes."""
    seed_pairs: bool = True
    """Whether the seed pairs are trained on too, as in the paper; false trains on the candidates alone."""
    seed_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Train on this part of the seed pairs, a seeded sample: with an arm on all of them, what a doubling is worth."""
    iterations: Annotated[int, Field(gt=0, le=100)] = 1
    """Rounds of self-curation: from the second on each model of the arm rates for its successor."""
    candidates: Literal["all", "planted", "distractors"] = "all"
    """planted: those of planted answers alone, so that selection is perfect. distractors: the others alone. Both need
    `recover`."""
    instructions: Literal["written", "hidden", "shuffled"] = "written"
    """written: as M_yx wrote them. hidden: planted answers get back the instruction that was hidden. shuffled: each
    selected response gets another one's instruction. The last two need `recover`."""
    settings: dict[str, JsonValue] = Field(default_factory=dict)
    """Settings of this arm alone, such as tags.enabled: false. Those of `corpus.choose`, `backward`, `augment`, `tags`,
    `forward` and `curate`; what they do not change is shared by all arms. M_0 rates for all and is the same for all."""

    @field_validator("settings")
    @classmethod
    def _own(cls, changes: dict[str, JsonValue]) -> dict[str, JsonValue]:
        for name in changes:
            if name in _BY_SIZE:
                raise ValueError(f"{name} follows from the arm's scorer and sizes: leave it out")
            if not name.startswith(_CHANGEABLE):
                allowed = ", ".join(f"{group}*" for group in _CHANGEABLE)
                raise ValueError(f"{name} is not an arm's to change: {allowed} are")
        return changes

    def contradictions(self) -> Iterator[str]:
        """What an arm without candidates cannot have, and what is for one iteration."""
        if not self.scorer and not (self.seed_pairs and self.iterations == 1 and not self.sizes):
            yield "an arm without a scorer takes the seed pairs alone: no sizes, no iterations"
        if not self.scorer and self.needs_recover:
            yield "an arm without a scorer has no candidates: leave out candidates and instructions"
        if self.instructions != "written" and self.iterations > 1:
            yield "instructions are exchanged for one iteration only: leave out iterations"

    @property
    def needs_recover(self) -> bool:
        """Whether the arm asks which answers were planted."""
        return self.candidates != "all" or self.instructions != "written"


class RecoverSettings(Settings):
    """Recovered gain: answers whose instructions are known are hidden in the corpus, among other texts.

    How much of what the true instructions would bring does the loop bring? Not in the paper.
    """

    pairs: SeedSettings | None = None
    """Pairs of which answers are planted; their instructions stay hidden. Empty takes the source of `settings.seed`. A
    pair of the seed is never planted."""
    planted: Positive = 192
    """Answers to plant."""
    development: Annotated[int, Field(ge=0)] = 64
    """Further pairs of the same source. By them the arm without candidates is chosen that counts as M_0: the one whose
    length of training suits the seed best. 0 takes the first."""
    distractors: dict[str, Annotated[tuple[Source, ...], OneOrMore]] = Field(default_factory=dict)
    """Other texts of the corpus: a name for each kind, and its documents. They are cut as `settings.corpus` says."""
    ratio: Annotated[float, Field(ge=0)] = 1.0
    """Distractors for each planted answer, as many of each kind as of any other."""
    min_chars: Positive = 200
    """Shortest planted answer, and shortest distractor."""
    max_chars: Positive = 900
    """Longest planted answer, and longest distractor."""
    oracle: str = "oracle"
    """The arm that is trained on seed and true pairs: what there is to gain."""

    def contradictions(self) -> Iterator[str]:
        """The bounds of an answer, and what the ratio takes from."""
        if self.min_chars > self.max_chars:
            yield f"min_chars {self.min_chars} is above max_chars {self.max_chars}"
        if self.ratio and not self.distractors:
            yield "distractors names nothing: name some documents, or set ratio to 0"


class IfEvalSettings(Settings):
    """Prompts whose instructions a program can check (Zhou et al. 2023)."""

    prompts: FileName = ""
    """The file with IFEval's prompts: rows with prompt, instruction_id_list and kwargs."""
    limit: Annotated[int, Field(ge=0)] = 0
    """Take this many, a seeded sample; 0 takes all 541."""
    max_new_tokens: Positive = 512
    """Longest answer, in tokens. The benchmark's own limit is 1,280, which small models mostly fill with repetition."""


class BaselineSettings(WinRateSettings):
    """Answers compared with a baseline's by a judge (paper, section 3.2)."""

    baseline: FileName = ""
    """The baseline's outputs, in AlpacaEval's form; what models answer are their prompts."""
    judge: ModelSettings = ModelSettings()
    """The model that judges, here or on a server."""


class ExperimentSettings(Settings):
    """A grid: every arm at every size with every seed. What they share is computed once."""

    settings: Config = Config()
    """The settings of a run, shared by all arms. Of `curate` an arm names the scorer, and the size stands in for
    `curate.select.top_n`."""
    arms: dict[str, ArmSettings]
    """Ways to train, by name: small letters, digits, '-', '_' and '+'."""
    sizes: tuple[Size, ...] = ()
    """Sizes of the arms that name none. Sizes of one ranking are nested: the best 50 are among the best 100."""
    seeds: Annotated[int, Field(gt=0, le=1000)] = 3
    """Trainings of each arm at each size. A seed decides the order of the pairs, new weights and what `random` draws;
    everything before, and the held-out pairs, are the same. More seeds can be added later."""
    measures: tuple[Literal["heldout", "ifeval", "winrate"], ...] = ("heldout",)
    """What is measured of each model. heldout: loss on the seed pairs that none was trained on. ifeval: the part of
    IFEval's instructions that its answers follow; needs the extra `suites`. winrate: how often a judge prefers its
    answers to a baseline's."""
    ifeval: IfEvalSettings = IfEvalSettings()
    winrate: BaselineSettings = BaselineSettings()
    recover: RecoverSettings | None = None
    """Plant answers with hidden instructions in the corpus, and measure the recovered gain. `corpus.documents` is not
    read then."""
    against: tuple[str, ...] = ()
    """Arms that all others are compared with, each at the same size where it has it; empty takes the first arm."""
    keep_models: bool = False
    """Keep the model of each training when it is measured. One that is gone is trained again should a measure that is
    added later ask for it."""

    @field_validator("arms")
    @classmethod
    def _checked_names(cls, arms: dict[str, ArmSettings]) -> dict[str, ArmSettings]:
        if not arms:
            raise ValueError("is empty: name at least one way to train")
        for name in arms:
            if not _NAME.fullmatch(name) or name == "base":
                raise ValueError(
                    f"'{name}' is no name for an arm: small letters, digits, '-', '_', '+', and not 'base'"
                )
        return arms

    def contradictions(self) -> Iterator[str]:
        """Arms that are named and not there, and what arms need."""
        if unknown := [name for name in self.against if name not in self.arms]:
            yield f"against names {', '.join(unknown)}, which is no arm"
        for name, arm in self.arms.items():
            if arm.scorer and not (arm.sizes or self.sizes):
                yield f"arm '{name}' has no sizes: give it some, or give the experiment some"
            if arm.needs_recover and self.recover is None:
                yield f"arm '{name}' asks what was planted, and nothing is: give the experiment a 'recover'"
        if self.recover is not None:
            yield from self._not_recoverable(self.recover)

    def _not_recoverable(self, recover: RecoverSettings) -> Iterator[str]:
        oracle = self.arms.get(recover.oracle)
        if oracle is None or not (
            oracle.candidates == "planted" and oracle.instructions == "hidden" and oracle.seed_pairs
        ):
            yield (
                f"recover.oracle names '{recover.oracle}': it has to be an arm with candidates: planted, "
                "instructions: hidden and the seed pairs"
            )
        if all(arm.scorer for arm in self.arms.values()):
            yield "recover compares with M_0: give the experiment an arm without a scorer, such as seed: {}"

    def sizes_of(self, name: str) -> tuple[Size | None, ...]:
        """The sizes of an arm; None alone where it takes the seed pairs only."""
        arm = self.arms[name]
        return (arm.sizes or self.sizes) if arm.scorer else (None,)
