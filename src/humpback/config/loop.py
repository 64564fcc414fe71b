"""The loop: trainings, self-augmentation, self-curation, evaluation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from humpback.config.base import Positive, Settings, Share
from humpback.config.paths import FileName
from humpback.config.scorers import GRADES, SCORERS, ScorerName, SingleScorer, spec_of


class LoraSettings(Settings):
    """Low-rank adapters (Hu et al. 2021), where `method` is 'lora' or 'qlora'; merged into the weights at the end."""

    rank: Positive = 16
    """Rank of each adapter."""
    alpha: Positive = 32
    """Scale: the adapter is multiplied by alpha / rank."""


class TrainSettings(Settings):
    """One training. Backward and forward differ only in their direction (paper, section 3.1)."""

    method: Literal["full", "lora", "qlora"] = "full"
    """full changes all weights, lora only low-rank adapters. qlora is lora with the base in 4 bits (Dettmers et al.
    2023); it needs the package bitsandbytes, and is slow without a GPU."""
    lora: LoraSettings = LoraSettings()
    freeze_embeddings: bool = False
    """Do not train the embeddings, nor a head tied to them: a third less work for a small model with a large
    vocabulary. Adapters never train them."""
    learning_rate: Annotated[float, Field(gt=0)] = 1e-5
    """First learning rate of AdamW. The paper's 1e-5 is for 7B and more; small models need a higher one."""
    final_learning_rate: Annotated[float, Field(ge=0)] = 9e-6
    """The rate at the end of the linear schedule; a rate, not a factor."""
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    """Steps in which the rate rises from 0. The paper reports none."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.1
    """AdamW's weight decay."""
    dropout: Share = 0.1
    """Dropout of attention weights, where the architecture has it, and of adapters."""
    max_grad_norm: Annotated[float, Field(ge=0)] = 1.0
    """Gradients are clipped to this norm; 0 does not clip. Not in the paper."""
    steps: Literal["paper"] | Positive = "paper"
    """Optimiser steps; 'paper' takes the number from the paper's table, by the number of pairs."""
    epochs: Annotated[float, Field(gt=0)] | None = None
    """Passes over the pairs, instead of `steps`: M_t then sees each seed pair as often as M_0 does."""
    batch_size: Literal["paper"] | Positive = "paper"
    """Pairs in one optimiser step; 'paper' is 8 below 3,000 pairs and 32 from there on."""
    packing: bool = True
    """Put several pairs into one row without padding (sequence packing); no pair sees another. A model that cannot do
    this, which is tried at the start, is trained in padded batches. Only the draws of dropout differ."""
    pack_tokens: Positive = 2048
    """Tokens in one packed forward pass: the bound on its memory. A longer pair gets a pass of its own."""
    micro_batch_size: Positive = 4
    """Pairs in one padded forward pass, if they are not packed. A batch accumulates the gradients of its passes."""
    gradient_checkpointing: bool | None = None
    """Compute activations twice instead of keeping them: less memory, a third more work. If not given: only on a GPU,
    for models of a billion parameters and more."""
    devices: Annotated[int, Field(ge=0)] = 1
    """Processes that train together, one on each GPU (without a GPU, on the CPU); 0 takes every GPU. Any number of them
    makes the same steps on the same examples."""
    shard: bool = False
    """Split weights, gradients and the optimiser's state over the devices (FSDP), for models too large for one."""
    checkpoint_steps: Positive = 50
    """Write a checkpoint each time so many steps are done. A training that was killed continues from the last one."""
    keep_checkpoints: Positive = 1
    """Checkpoints kept on the disk. While the next one is written there is one more."""
    early_stop_checks: Annotated[int, Field(ge=0)] = 0
    """End when the held-out loss has not fallen for this many checks, and keep the best weights; 0 never ends early, as
    in the paper."""
    early_stop_steps: Positive = 20
    """Steps between two such checks."""
    tracker: Literal["none", "tensorboard", "trackio", "wandb"] = "none"
    """Where else to write the curves: TensorBoard's files (in the model's folder, under 'runs'), trackio, or Weights &
    Biases. Each needs a package. With 'none' nothing is sent anywhere."""
    max_dropped_share: Share = 0.2
    """Fail if more than this share of the pairs cannot be trained on (no target, too long)."""

    def contradictions(self) -> Iterator[str]:
        """The length of the training, its rates, and what a split model cannot do."""
        # 'paper' is the default of `steps`, so a number in it was given on purpose.
        if self.epochs is not None and self.steps != "paper":
            yield "give only one of steps and epochs"
        if self.learning_rate < self.final_learning_rate:
            yield (
                f"learning_rate {self.learning_rate:g} is below final_learning_rate {self.final_learning_rate:g}: "
                "lower the final rate, which is a rate and not a factor"
            )
        if self.epochs is None and self.steps != "paper" and self.steps <= self.warmup_steps:
            yield f"warmup_steps {self.warmup_steps} leaves nothing of {self.steps} steps"
        if self.shard and self.early_stop_checks:
            yield "shard and early_stop_checks are both set: a model that is split cannot go back"


ExampleOrder = Literal["mixed", "seed-last", "seed-first"]
"""How the seed pairs of a training lie among the augmented ones."""


class ForwardSettings(TrainSettings):
    """A forward training. Where seed pairs and augmented pairs meet, it also says how they are mixed."""

    seed_epochs: Annotated[float, Field(gt=0)] | None = None
    """Passes of M_0, in place of `steps` and `epochs`: it has the seed alone, and is best trained longer on few pairs.
    Not in the paper."""
    order: ExampleOrder = "mixed"
    """mixed, as in the paper: each pass goes over all pairs. seed-last: all passes over the augmented pairs come first,
    then those over the seed pairs. seed-first: the other way round. The number of pairs seen stays the same. Without
    pairs of both kinds it changes nothing."""
    seed_weight: Positive = 1
    """How often a pass holds each seed pair; it holds each augmented pair once. With `epochs` the training gets longer
    by the repetitions, with `steps` only the mixture changes. Without pairs of both kinds it changes nothing."""

    @property
    def of_seed_model(self) -> ForwardSettings:
        """The training of M_0."""
        if self.seed_epochs is None:
            return self
        return self.model_copy(update={"steps": "paper", "epochs": self.seed_epochs, "seed_epochs": None})

    @property
    def of_later_models(self) -> ForwardSettings:
        """The trainings of M_1, M_2, ..."""
        return self.model_copy(update={"seed_epochs": None})


class TagSettings(Settings):
    """The sentence behind each instruction that tells seed data from augmented data (paper, section 2.2)."""

    enabled: bool = True
    """Whether prompts carry tags at all."""
    seed: str = "Answer in the style of an AI Assistant."
    """S_a, for seed pairs."""
    augmented: str = "Answer with knowledge from web search."
    """S_w, for augmented pairs. At inference both are given, S_a first."""


class ExampleSettings(Settings):
    """Seed pairs that a writer sees which was not trained (`models.writer`), as turns: response, then instruction.

    Not in the paper.
    """

    count: Annotated[int, Field(ge=0, le=32)] = 4
    """Pairs shown with each segment; 0 shows none, for a model that was trained to write instructions."""
    by: Literal["rotation", "likeness"] = "rotation"
    """Which. rotation: one of `sets` fixed sets of pairs, drawn for each segment. likeness: those whose response has
    most words in common with the segment."""
    sets: Positive = 32
    """Sets of pairs that rotate, at most. Segments of a shard that see the same set are asked for together, so that a
    server with a prefix cache reads the set once; more sets show more of the seed."""
    max_chars: Positive = 1500
    """Pairs with a longer response are not shown."""


class AugmentSettings(Settings):
    """Self-augmentation: the backward model writes instructions (paper, section 2.2)."""

    title_path: bool = False
    """Show the backward model the titles above a segment too ('Guide > Install'). Off by default: it is trained without
    titles."""
    per_segment: Positive = 1
    """Instructions written for each segment; the best valid ones are kept."""
    best_by: Literal["backward", "forward"] = "backward"
    """Who says which is the best. backward: M_yx, by the mean log-probability of a token of the instruction that it
    wrote. forward: M_0, by that of a token of the segment as its answer, log p(y|x). Not in the paper."""
    keep: Positive = 1
    """Instructions kept for each segment, the best first. Each makes a candidate of its own."""
    temperature: Annotated[float, Field(ge=0)] = 0.7
    """Sampling temperature."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.9
    """Nucleus."""
    max_new_tokens: Positive = 96
    """Longest instruction, in tokens; an instruction that has no end by then is dropped."""
    min_chars: Positive = 10
    """Shortest instruction."""
    max_chars: Positive = 800
    """Longest instruction."""
    gain: bool = True
    """Read each instruction once more without its response, in a short pass, and store by how much the response makes
    it likelier: the scorer `stored-gain` ranks by that. A server cannot do it."""
    max_overlap: Share = 0.6
    """Drop an instruction as a copy if more than this share of its word 5-grams occurs in its response."""
    examples: ExampleSettings = ExampleSettings()

    @property
    def reads_drafts(self) -> bool:
        """Whether M_0 chooses among instructions that M_yx drafts."""
        return self.best_by == "forward" and self.per_segment > 1

    def contradictions(self) -> Iterator[str]:
        """The number of instructions and their bounds."""
        if self.keep > self.per_segment:
            yield f"keep is {self.keep}, and per_segment writes only {self.per_segment}"
        if self.min_chars > self.max_chars:
            yield f"min_chars {self.min_chars} is above max_chars {self.max_chars}"


class SelectSettings(Settings):
    """Which of the rated candidates are kept. Give one of the first three. Default: a score of at least 4.5, A_5."""

    threshold: float | None = None
    """Keep scores of at least this. The paper's A_5 is 4.5, its A_4 is 4."""
    top_share: Annotated[float, Field(gt=0, le=1)] | None = None
    """Keep this share of all candidates, the best first."""
    top_n: Positive | None = None
    """Keep this many candidates, the best first."""
    max_similarity: Annotated[float, Field(gt=0, le=1)] | None = None
    """Of instructions that are this much alike (Jaccard similarity of their words and pairs of words), such as 0.7,
    keep only the best-rated one. Not in the paper. If not given, all may stay."""
    per_document: Annotated[int, Field(ge=0)] = 0
    """Keep at most so many candidates of one document, the best-rated; 0 sets no bound. With `top_share` or `top_n` the
    next best candidates move up."""
    clusters: Annotated[int, Field(ge=0, le=1000)] = 0
    """Put like instructions into so many groups, such as 50, and keep the best of each group, in proportion to its
    size. Needs `top_share` or `top_n`. Not in the paper (k-means selection: Yu et al. 2024); 0 makes no groups."""

    @property
    def diverse(self) -> bool:
        """Whether candidates above the line may be passed over."""
        return self.max_similarity is not None or self.per_document > 0 or self.clusters > 0

    def contradictions(self) -> Iterator[str]:
        """Rules that cannot both hold."""
        rules = [name for name in ("threshold", "top_share", "top_n") if getattr(self, name) is not None]
        if len(rules) > 1:
            yield f"give only one of threshold, top_share, top_n, not {' and '.join(rules)}"
        if self.clusters and self.top_share is None and self.top_n is None:
            yield "clusters share out a number that is kept: give top_share or top_n with it"


class CascadeSettings(Settings):
    """A cheap scorer sees all candidates, and the expensive one only the best of them. Not in the paper."""

    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of the candidates that `curate.scorer` rates: the best by the cheap scorer. At 1 there is no cascade."""
    scorer: SingleScorer = "stored-relative-gain"
    """The cheap scorer. `stored-relative-gain` costs nothing, as augmentation has stored the gain, and is the best of
    those that do (docs/curation.md)."""
    check: Annotated[int, Field(ge=0)] = 32
    """Rate so many of those left out all the same, drawn by chance. By them the report says what the cascade loses."""


Weights = dict[SingleScorer, Annotated[float, Field(gt=0)]]


class QuestionSettings(Settings):
    """The two questions of `two-questions`, each with the scorers that answer it together, and their weights."""

    asks: Weights = Field(default={"stored-relative-gain": 1.0, "relative-gain": 1.0}, min_length=1)
    """Does the instruction ask for the response?"""
    answers: Weights = Field(
        default={"answer-likelihood": 1.0, "opening-likelihood": 1.0, "answer-probe": 1.0}, min_length=1
    )
    """Is the response an answer?"""


_SCORER_HELP = "\n".join(
    (
        "What gives each candidate a score; docs/curation.md says more of each.",
        "auto: two-questions for a base model that is known to have less than a billion parameters, else rating.",
        *(f"{spec.name}: {spec.does}." for spec in SCORERS.values()),
    )
)


class CurateSettings(Settings):
    """Self-curation: M_{t-1} rates every candidate, the best are kept (paper, section 2.3)."""

    scorer: ScorerName = Field(default="auto", description=_SCORER_HELP)
    select: SelectSettings = SelectSettings()
    temperature: Annotated[float, Field(ge=0)] = 0.7
    """Sampling temperature of `rating`."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.9
    """Nucleus of `rating`."""
    max_new_tokens: Positive = 256
    """Longest reply of `rating`; where it ends before the score, the rating is 'truncated'."""
    ask_again: bool = True
    """If a reply of `rating` ends without a score, read the grade as a distribution behind it, as `expected-rating`
    does. Not in the paper. If the engine cannot do that, the rating stays without a score."""
    samples: Positive = 1
    """Replies of `rating` to draw and average. The paper draws one."""
    ensemble: Weights = Field(default={"calibrated": 2.0, "stored-gain": 1.0})
    """The scorers of `ensemble`, with their weights."""
    questions: QuestionSettings = QuestionSettings()
    cascade: CascadeSettings = CascadeSettings()
    follow_up: bool = False
    """Let `calibrated` ask for a grade too, as the next turn of the conversation that it reads: likelihoods and grade
    from one pass. The model must be able to grade; those below a billion parameters that were measured cannot."""
    calibration_pairs: Positive = 64
    """Seed pairs that `calibrated` reads before it rates; it also reads as many with a planted fault."""
    direction_pairs: Annotated[int, Field(ge=20)] = 512
    """Candidates that `seed-likeness` reads before it rates, drawn by chance, and at most as many seed pairs."""
    max_unrated_share: Share = 0.5
    """Fail if more than this share of the candidates gets no score."""
    decisions: FileName = ""
    """What people decided with `humpback view`: the folder of their files, or one of them. Approved pairs are kept and
    rejected ones are not, whatever their score. A run takes the decisions in its own folder if nothing is given."""
    labels: bool = False
    """Let `calibrated` learn from these decisions, at least 8 approved and 8 rejected, what people here take for good.
    The report says how well it tells those that it did not learn from."""

    @property
    def groups(self) -> dict[str, Weights]:
        """Scorers whose ranks are averaged, by the name of what they answer; empty where one scorer rates."""
        if self.scorer == "two-questions":
            return {"asks": self.questions.asks, "answers": self.questions.answers}
        return {"": self.ensemble} if self.scorer == "ensemble" else {}

    @property
    def first(self) -> tuple[SingleScorer, ...]:
        """The scorers that rate all candidates before `scorer` does."""
        if self.groups:
            return tuple(dict.fromkeys(name for weights in self.groups.values() for name in weights))
        return (self.cascade.scorer,) if self.cascade.share < 1 else ()

    @property
    def needs_gain(self) -> bool:
        """Whether it cannot rate without the gain that augmentation stores; of two questions others can answer each."""
        gains = {"stored-gain", "stored-relative-gain"}
        if self.scorer == "two-questions":
            return any(gains.issuperset(weights) for weights in self.groups.values())
        return not gains.isdisjoint({self.scorer, *self.first})

    def contradictions(self) -> Iterator[str]:
        """Samples that are the same, shares that keep more than is rated, and a threshold above the scale."""
        if self.samples > 1 and self.temperature == 0:
            yield "samples of more than 1 are all the same at temperature 0"
        share, top_share, threshold = self.cascade.share, self.select.top_share, self.select.threshold
        if share < 1 and (self.scorer == self.cascade.scorer or spec_of(self.scorer).needs == "members"):
            yield f"cascade.share has no use with the scorer {self.scorer}: leave it at 1"
        if top_share is not None and top_share > share:
            yield f"select.top_share {top_share:g} keeps more than cascade.share {share:g} lets be rated"
        if len(self.ensemble) < 2:
            yield "ensemble takes two scorers at least"
        if threshold is not None and threshold > GRADES[1] and spec_of(self.scorer).takes_threshold:
            yield f"select.threshold {threshold:g} is above the highest score, {GRADES[1]:g}: it keeps nothing"


class RewriteSettings(Settings):
    """Rewritten responses, where `models.rewriter` is named. Not in the paper (Nguyen et al. 2024)."""

    max_new_tokens: Positive = 1024
    """Longest rewrite, in tokens; one that has no end by then is not taken."""
    shortest: Annotated[float, Field(ge=0)] = 0.2
    """Shortest rewrite that is taken, as a part of the original's characters."""
    longest: Annotated[float, Field(gt=0)] = 2.0
    """Longest, in the same way."""


class WinRateSettings(Settings):
    """Answers compared by a judge (paper, section 3.2), where one is named: those of the last M_t with those of M_0."""

    limit: Annotated[int, Field(ge=0)] = 0
    """Take this many of the prompts, a seeded sample; 0 takes all. In a run they are those of the held-out pairs."""
    max_new_tokens: Positive = 512
    """Longest answer, in tokens; drawn as in the paper."""
    judge_tokens: Positive = 512
    """Longest reply of the judge, which ends with its verdict."""
    max_unjudged: Share = 0.2
    """Fail where the judge gives no verdict on more than this part of the answers."""


class EvaluateSettings(Settings):
    """The held-out measures."""

    heldout: bool = True
    """Loss of every model on the held-out seed pairs: base and M_t forwards, base and M_yx backwards."""
    winrate: WinRateSettings = WinRateSettings()
